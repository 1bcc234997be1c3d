// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.RunFolder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * Makes {@code report.html} of a run's files: one page that needs nothing from elsewhere, in light and dark, for any width
 * and for paper. Whatever a run does not have yet is left out of its page. The same files give the same page.
 */
public final class ReportWriter {
  private static final List<Section> SECTIONS = List.of(
      new Section("claims", "The paper’s claims", ClaimsSection::write),
      new Section("relevance", "Relevance", RelevanceSection::write),
      new Section("examples", "Examples", ExamplesSection::write),
      new Section("training", "Policy training", TrainingSection::write),
      new Section("dpo", "Preference training", ModelCurvesSection::dpo),
      new Section("reward-model", "Reward models", ModelCurvesSection::reward),
      new Section("agreement", "Reward model against judge", AgreementSection::write),
      new Section("length", "Reward and length", LengthSection::write),
      new Section("form", "Form of the answers", FormSection::write),
      new Section("ablation", "Ablations", AblationSection::write),
      new Section("search", "Search for the settings", SearchSection::write),
      new Section("judge", "Judge", JudgeSection::write),
      new Section("sft", "Supervised training", ModelCurvesSection::sft),
      new Section("data", "Data", DataSection::write),
      new Section("time", "Time", RunSection::timing),
      new Section("config", "Configuration", RunSection::configuration));

  private ReportWriter() {}

  /**
   * Writes {@code report.html} into the folder of a run, whatever of its stages are done.
   *
   * @return the file written
   * @throws IOException when a file of the run cannot be read; the message names it and its line
   */
  public static Path write(RunFolder folder) throws IOException {
    AtomicFiles.write(folder.reportFile(), page(folder.root()));
    return folder.reportFile();
  }

  /** The page of a run's folder, or of a folder of several seeds. */
  static String page(Path root) throws IOException {
    RunFiles run = new RunFiles(root);
    Verdict verdict = new Verdict(run.results());
    Html sections = new Html();
    Html navigation = new Html();
    for (Section section : SECTIONS) {
      Html body = new Html();
      section.body().write(body, run);
      if (!body.toString().isBlank()) {
        sections.open("section", "id", section.id()).element("h2", section.title()).raw(body.toString()).close();
        navigation.element("a", section.title(), "href", "#" + section.id());
      }
    }
    Html html = new Html().raw("<!DOCTYPE html>\n").open("html", "lang", "en").open("head");
    html.empty("meta", "charset", "utf-8").empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    html.empty("meta", "name", "color-scheme", "content", "light dark");
    html.element("title", verdict.heading() + " – TPPO run report");
    html.open("style").raw(resource("report.css")).close().close();
    html.open("body").open("header");
    html.element("p", "TPPO run report", "class", "eyebrow").element("h1", verdict.heading(), "class", verdict.style());
    html.element("p", verdict.sentence(), "class", "lede");
    verdict.tiles(html);
    html.open("nav", "aria-label", "Sections").raw(navigation.toString()).close().close();
    html.open("main").raw(sections.toString()).close();
    html.element("footer", "The numbers are those of results.json, of the metrics.jsonl of each stage, "
        + "and of evaluate, labels and data, in the run’s folder.");
    html.open("script").raw(resource("report.js")).close();
    return html.close().close().toString();
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = ReportWriter.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException("io/github/tppo/report/" + name + ": missing from the jar of tppo-training");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
