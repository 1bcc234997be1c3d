#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens per second of transformers' generate, with the prompts and settings of Generation.java.

    python3 transformers_generate.py MODEL --batch 8 --threads 1 [--prompts 64] [--new-tokens 48] [--temperature 0] [--dtype float32]
        [--seconds 5]

Optional: needs torch and transformers, which the project itself never does. Each batch is padded on the left; prompts are sorted by length
first, so that padding costs as little as it can. The end token does not end a response. Prints one JSON object: the median over the rounds
that fit the time, after one round that is not counted.
"""
import argparse
import json
import statistics
import time

import torch
import transformers


def prompt(i, vocabulary):
    """The same ids as GenerationBenchmark.prompt: 20 to 90 of them."""
    return [3 + (i * 7919 + j * 104729 + j * j * 31) % (vocabulary - 3) for j in range(20 + i * 37 % 71)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--temperature", type=float, default=0)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    transformers.logging.set_verbosity_error()
    model = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=getattr(torch, args.dtype)).eval()
    prompts = sorted((prompt(i, model.config.vocab_size) for i in range(args.prompts)), key=len)
    settings = {"do_sample": args.temperature > 0, "max_new_tokens": args.new_tokens, "eos_token_id": None, "pad_token_id": 0}
    model.generation_config.eos_token_id = None
    if args.temperature > 0:
        settings.update(temperature=args.temperature, top_k=0, top_p=1.0)

    def generate():
        tokens = 0
        for start in range(0, len(prompts), args.batch):
            batch = prompts[start:start + args.batch]
            longest = max(map(len, batch))
            ids = torch.tensor([[0] * (longest - len(p)) + p for p in batch])
            mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in batch])
            tokens += model.generate(input_ids=ids, attention_mask=mask, **settings)[:, longest:].numel()
        return tokens

    torch.manual_seed(1)
    with torch.inference_mode():
        tokens = generate()
        assert tokens == args.prompts * args.new_tokens, tokens
        rounds = []
        end = time.perf_counter() + args.seconds
        while not rounds or time.perf_counter() < end:
            start = time.perf_counter()
            generate()
            rounds.append(time.perf_counter() - start)
    print(json.dumps({"engine": "transformers " + transformers.__version__ + ", torch " + torch.__version__, "batch": args.batch,
                      "threads": args.threads, "prompts": args.prompts, "new_tokens": args.new_tokens, "temperature": args.temperature,
                      "dtype": args.dtype, "rounds": len(rounds), "tokens_per_s": round(tokens / statistics.median(rounds), 1)}))


if __name__ == "__main__":
    main()
