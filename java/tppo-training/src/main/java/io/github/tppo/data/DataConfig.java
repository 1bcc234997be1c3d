// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/**
 * What the prepare stage reads and makes: the {@code data} part of a run's configuration. Keys in a file are in
 * snake case.
 *
 * @param form the form of the log
 * @param files logs: paths or globs ({@code logs/*.gz}, {@code logs/**}); plain, gzip or bzip2. The order does not matter
 * @param columns where a delimited log keeps what is needed; other forms ignore it
 * @param delimiter one character between the columns of a delimited log
 * @param quoting whether fields of a delimited log may stand in double quotes (as in CSV)
 * @param header whether the first line of each delimited file names its columns
 * @param timePattern time of a delimited log: a {@link java.time.format.DateTimeFormatter} pattern, {@code iso},
 *     {@code epoch_seconds} or {@code epoch_millis}
 * @param clicks what of a clicked address goes into the history
 * @param targets N, queries to predict: a user's newest N distinct ones. Of the industrial form's list, the first N
 * @param minTargets industrial form: least number of usable targets, 0 for all N. Log forms always give N
 * @param historyLimit H, newest entries kept of each list of the history
 * @param minHistory least number of entries in a history, all lists together
 * @param maxQueryChars longest query, in characters; longer ones are dropped
 * @param dropUrls whether queries that are addresses ({@code www.}, {@code http:}, {@code mapquest.com}) are dropped
 * @param cutsPerUser most examples made of one training user, the newest cut points first; others get one
 * @param cutStride queries between one cut point and the next older one
 * @param validFraction share of users in valid.jsonl
 * @param evalFraction share of users in eval.jsonl
 * @param maxTrain most training examples, 0 for all; users are taken in the order of their hash
 * @param maxValid most validation examples, 0 for all
 * @param maxEval most evaluation examples, 0 for all
 * @param seed seed of the hash that deals users to the splits and puts them in order
 * @param maxLineBytes longest line in bytes of UTF-8; a longer one is skipped and counted
 * @param maxRowsPerUser users with more usable rows are robots and are dropped
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record DataConfig(Form form, List<String> files, Columns columns, String delimiter, Quoting quoting, boolean header,
        String timePattern, Clicks clicks, int targets, int minTargets, int historyLimit, int minHistory, int maxQueryChars,
        boolean dropUrls, int cutsPerUser, int cutStride, double validFraction, double evalFraction, int maxTrain,
        int maxValid, int maxEval, long seed, int maxLineBytes, int maxRowsPerUser) {

    /** Forms of log. */
    public enum Form {
        /** Tab-separated {@code AnonID Query QueryTime ItemRank ClickURL} with a header. */
        @JsonProperty("aol") AOL,
        /** Tab-separated {@code user yyMMddHHmmss query} without a header. */
        @JsonProperty("excite") EXCITE,
        /** CSV or TSV with a column mapping. */
        @JsonProperty("delimited") DELIMITED,
        /** JSON Lines with history lists and target queries. */
        @JsonProperty("industrial") INDUSTRIAL
    }

    /** Whether double quotes enclose fields. */
    public enum Quoting {
        /** Unless the delimiter is a tab: tab-separated logs hold quotes as they were typed. */
        @JsonProperty("auto") AUTO,
        @JsonProperty("always") ALWAYS,
        @JsonProperty("never") NEVER
    }

    /** What of a click goes into the history. */
    public enum Clicks {
        /** The host without {@code www.}; a click column that holds no address is kept as text. */
        @JsonProperty("host") HOST,
        /** The whole column. */
        @JsonProperty("text") TEXT,
        /** Nothing. */
        @JsonProperty("none") NONE
    }

    /**
     * Columns of a delimited log, each by name (with a header) or by number counted from 1.
     *
     * @param user user id
     * @param time time of the query
     * @param query the query as typed
     * @param click clicked address, or empty when the log has none
     */
    public record Columns(String user, String time, String query, String click) {
        /** Checks that the three needed columns are given. */
        public Columns {
            click = click == null ? "" : click;
            require("columns.user", user);
            require("columns.time", time);
            require("columns.query", query);
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
        files = List.copyOf(files);
        check(delimiter != null && delimiter.length() == 1 && "\"\r\n".indexOf(delimiter.charAt(0)) < 0, "delimiter",
                delimiter == null ? "missing" : '"' + delimiter + '"', "one character that is no quote or line end");
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
        return new DataConfig(Form.AOL, List.of(), new Columns("user", "time", "query", ""), ",", Quoting.AUTO, true,
                "yyyy-MM-dd HH:mm:ss", Clicks.HOST, 3, 0, 20, 1, 100, true, 1, 1, 0.1, 0.1, 0, 0, 0, 1, 1 << 20, 20_000);
    }

    /** Whether double quotes enclose fields of this delimited log. */
    boolean quoted() {
        return quoting == Quoting.ALWAYS || (quoting == Quoting.AUTO && !delimiter.equals("\t"));
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
