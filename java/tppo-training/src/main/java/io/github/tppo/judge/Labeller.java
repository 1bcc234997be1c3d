// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/**
 * Has sampled responses judged and turns the scores into token classes (3.2 and appendix D of the paper).
 *
 * <p>A response that the judge fails on, or whose word and sentence labels contradict each other ({@link MutualCheck}), is
 * asked again up to {@link JudgeConfig#attempts} times, then set aside in {@code rejected.jsonl} and counted; it never gets
 * a made-up score. Run again over the same responses, what is labelled is kept and what was set aside is asked again.
 */
public final class Labeller {

    private final Judge judge;
    private final Tokenizer tokenizer;
    private final JudgeConfig config;

    /**
     * @param judge     scores the responses
     * @param tokenizer the policy's, whose ids the responses are
     * @param config    the number of attempts, and what the mutual check needs
     */
    public Labeller(Judge judge, Tokenizer tokenizer, JudgeConfig config) {
        this.judge = judge;
        this.tokenizer = tokenizer;
        this.config = config;
    }

    /**
     * Labels responses into {@code dir/token.jsonl} or {@code dir/sentence.jsonl}, with {@code rejected.jsonl} and
     * {@code stats.json} beside it. With the sentence template words are empty and classes 0.
     *
     * @param responses the responses, read once; those labelled by an earlier run are skipped
     * @param total     how many there are, for the progress, or -1
     * @return the statistics over everything in the file
     * @throws IOException when a file cannot be read or written; what was labelled stays
     */
    public LabelStats label(Iterator<GeneratedResponse> responses, Template template, Path dir, long total,
        ProgressListener progress) throws IOException {
        long started = System.nanoTime();
        LabelStats.Counter counter = new LabelStats.Counter();
        try (LabelFiles files = new LabelFiles(dir, template)) {
            JsonNode before = files.readStats();
            Set<String> known = files.open(counter);
            long done = 0;
            while (responses.hasNext()) {
                GeneratedResponse response = responses.next();
                if (known.add(LabelFiles.key(response.example().user(), response.stream()))) {
                    label(response, template, files, counter);
                }
                progress.update(++done, total, "");
            }
            double seconds = (System.nanoTime() - started) / 1e9;
            LabelStats stats = counter.stats(judge.name(), before.path("asked").asLong(),
                before.path("seconds").asDouble() + seconds);
            files.writeStats(stats);
            return stats;
        }
    }

    private void label(GeneratedResponse response, Template template, LabelFiles files, LabelStats.Counter counter)
        throws IOException {
        TokenSpans spans = tokenizer.spans(response.responseIds());
        String reason = "";
        String detail = "";
        for (int attempt = 0; attempt < config.attempts(); attempt++) {
            counter.ask();
            try {
                Judgement judgement = judge.judge(template, response.example(), spans.text());
                reason = "contradiction";
                detail = template == Template.SENTENCE ? null
                    : MutualCheck.contradiction(config, response.example(), spans.text(), judgement);
                if (detail == null) {
                    LabelledResponse labelled = labelled(response, template, spans, judgement);
                    files.label(labelled);
                    counter.add(labelled);
                    return;
                }
            } catch (JudgeException e) {
                reason = "judge_failed";
                detail = String.valueOf(e.getMessage());
            }
        }
        counter.reject(reason);
        files.reject(response, spans.text(), reason, detail);
    }

    private static LabelledResponse labelled(GeneratedResponse response, Template template, TokenSpans spans,
        Judgement judgement) {
        List<WordScore> words = template == Template.TOKEN ? judgement.words() : List.of();
        return new LabelledResponse(response.example().user(), response.promptIds(), response.responseIds(), spans.text(),
            words, judgement.sentence(), TokenClasses.of(spans, words), response.stream());
    }
}
