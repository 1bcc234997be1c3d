// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import io.github.tppo.run.Check;
import io.github.tppo.run.Doc;
import java.nio.file.Path;
import java.util.List;

/** What the prepare stage reads and makes: the {@code data} section of a run's configuration. */
@Doc("Which logs to read and what to make of them")
public record DataConfig(
    @Doc("Form of the log") Form form,
    @Doc("The logs: paths or globs (logs/*.gz, logs/**), plain, gzip or bzip2; their order does not matter")
        List<Path> files,
    @Doc("Logs whose users are all held out: they go to eval.jsonl, none trains") List<Path> evalFiles,
    @Doc("What an id means that stands in files and in eval_files: same_people (a log cut by time; they are left out of"
        + " train.jsonl and valid.jsonl) or other_people (logs of different sources)") EvalIds evalIds,
    @Doc("Where a delimited log keeps what is needed; other forms ignore it") Columns columns,
    @Doc("The character between the columns of a delimited log, or the word tab") String delimiter,
    @Doc("Whether fields of a delimited log may stand in double quotes; auto: unless the delimiter is a tab")
        Quoting quoting,
    @Doc("Whether the first line of each delimited file names its columns") boolean header,
    @Doc("Time of a delimited log: a java.time.format.DateTimeFormatter pattern, iso, epoch_seconds or epoch_millis")
        String timePattern,
    @Doc("What of a clicked address goes into the history: its host without www., the whole text, or nothing")
        Clicks clicks,
    @Doc("N, queries to predict: a user's newest N distinct ones; of an industrial list, the first N") int targets,
    @Doc("Industrial form: least number of usable targets, 0 for all N; logs always give N") int minTargets,
    @Doc("H, newest entries kept of each list of the history") int historyLimit,
    @Doc("Least number of entries in a history, all lists together") int minHistory,
    @Doc("Longest query in characters; longer ones are dropped") int maxQueryChars,
    @Doc("Whether queries that are addresses (www., http:, mapquest.com) are dropped") boolean dropUrls,
    @Doc("Most examples made of one training user, newest cut points first; users of other splits give one")
        int cutsPerUser,
    @Doc("Searches between one cut point and the next older one") int cutStride,
    @Doc("Share of users in valid.jsonl") double validFraction,
    @Doc("Share of the users of files in eval.jsonl, beside those of eval_files") double evalFraction,
    @Doc("Most training examples, 0 for all; users are taken in the order of their hash") int maxTrain,
    @Doc("Most validation examples, 0 for all") int maxValid,
    @Doc("Most evaluation examples, 0 for all") int maxEval,
    @Doc("Seed of the hash that deals users to the splits and puts them in order") long seed,
    @Doc("Longest line in bytes of UTF-8; a longer one is skipped and counted") int maxLineBytes,
    @Doc("Users with more usable rows are robots and are dropped") int maxRowsPerUser) {

  /** Forms of log. */
  public enum Form {
    /** Tab-separated {@code AnonID Query QueryTime ItemRank ClickURL} with a header. */
    AOL,
    /** Tab-separated {@code user yyMMddHHmmss query} without a header. */
    EXCITE,
    /** CSV or TSV with a column mapping. */
    DELIMITED,
    /** JSON Lines with history lists and target queries. */
    INDUSTRIAL
  }

  /** What an id means that stands in {@code files} and in {@code eval_files}. */
  public enum EvalIds {
    /** One person, who is held out: no example of {@code files} is trained on or validated with. */
    SAME_PEOPLE,
    /** Two people: the one of {@code files} is dealt as any other, and gets another id in eval.jsonl. */
    OTHER_PEOPLE
  }

  /** Whether double quotes enclose fields. */
  public enum Quoting {
    /** Unless the delimiter is a tab: tab-separated logs hold quotes as they were typed. */
    AUTO,
    ALWAYS,
    NEVER
  }

  /** What of a click goes into the history. */
  public enum Clicks {
    /** The host without {@code www.}; a click column that holds no address is kept as text. */
    HOST,
    /** The whole column. */
    TEXT,
    /** Nothing. */
    NONE
  }

  /** Columns of a delimited log, each by name (with a header) or by number counted from 1. */
  public record Columns(
      @Doc("User id: the column's name, or its number from 1 in quotes") String user,
      @Doc("Time of the query") String time,
      @Doc("The query as typed") String query,
      @Doc("Clicked address; empty when the log has none") String click) {
    /** Checks that the three needed columns are given. */
    public Columns {
      click = click == null ? "" : click;
      require("user", user);
      require("time", time);
      require("query", query);
    }

    private static void require(String key, String value) {
      check(value != null && !value.isBlank(), key, "empty", "a column name, or a number counted from 1");
    }
  }

  /** Checks every value; the message starts with the key. */
  public DataConfig {
    check(form != null, "form", "missing", "aol, excite, delimited or industrial");
    check(files != null, "files", "missing", "a list of paths or globs");
    check(columns != null, "columns", "missing", "user, time, query and click");
    check(quoting != null, "quoting", "missing", "auto, always or never");
    check(clicks != null, "clicks", "missing", "host, text or none");
    check(evalFiles != null, "eval_files", "missing", "a list of paths or globs, possibly empty");
    check(evalIds != null, "eval_ids", "missing", "same_people or other_people");
    files = Check.list("files", files);
    evalFiles = Check.list("eval_files", evalFiles);
    check(delimiter != null, "delimiter", "missing", "tab, or one character");
    boolean one = delimiter.length() == 1 && "\"\r\n".indexOf(delimiter) < 0;
    check(one || delimiter.equals("tab"), "delimiter", '"' + delimiter + '"',
        "tab, or one character that is no quote or line end");
    check(timePattern != null, "time_pattern", "missing", "a date pattern, iso, epoch_seconds or epoch_millis");
    TimeParser.check(timePattern);
    atLeast(1, "targets", targets);
    check(minTargets >= 0 && minTargets <= targets, "min_targets", minTargets, "0 to targets (" + targets + ")");
    atLeast(1, "history_limit", historyLimit);
    atLeast(1, "min_history", minHistory);
    atLeast(1, "max_query_chars", maxQueryChars);
    atLeast(1, "cuts_per_user", cutsPerUser);
    atLeast(1, "cut_stride", cutStride);
    fraction("valid_fraction", validFraction);
    fraction("eval_fraction", evalFraction);
    check(validFraction + evalFraction < 1, "eval_fraction", evalFraction,
        "less than 1 together with valid_fraction (" + validFraction + "), so that users are left for training");
    atLeast(0, "max_train", maxTrain);
    atLeast(0, "max_valid", maxValid);
    atLeast(0, "max_eval", maxEval);
    check(maxLineBytes >= 64 && maxLineBytes <= 1 << 28, "max_line_bytes", maxLineBytes, "64 to " + (1 << 28));
    atLeast(1, "max_rows_per_user", maxRowsPerUser);
  }

  /** The defaults: an AOL log, three targets, one cut a user; {@code files} is empty and must be given. */
  public static DataConfig defaults() {
    return new DataConfig(Form.AOL, List.of(), List.of(), EvalIds.SAME_PEOPLE, new Columns("user", "time", "query", ""), ",",
        Quoting.AUTO, true, "yyyy-MM-dd HH:mm:ss", Clicks.HOST, 3, 0, 20, 1, 100, true, 1, 1, 0.1, 0.1, 0, 0, 0, 1, 1 << 20, 20_000);
  }

  char delimiterChar() {
    return delimiter.equals("tab") ? '\t' : delimiter.charAt(0);
  }

  /** Whether double quotes enclose fields of this delimited log. */
  boolean quoted() {
    return quoting == Quoting.ALWAYS || (quoting == Quoting.AUTO && delimiterChar() != '\t');
  }

  private static void atLeast(int least, String key, int value) {
    check(value >= least, key, value, "at least " + least);
  }

  private static void fraction(String key, double value) {
    check(value >= 0 && value < 1, key, value, "0 or more and less than 1");
  }

  private static void check(boolean ok, String key, Object found, String expected) {
    if (!ok) {
      throw new IllegalArgumentException(key + ": " + found + ", expected " + expected);
    }
  }
}
