# SPDX-License-Identifier: Apache-2.0
"""What PEFT computes with LoRA adapters on a tiny Mistral: the numbers that LoraPeftTest compares with.

Made with peft 0.21.0, transformers 5.18.0 and torch 2.13.0 on the CPU:  python make_fixture.py
No weights are kept: base and adapters follow from a formula that the test computes as well. For each case the folder holds PEFT's own
adapter_config.json and expected.safetensors with logits, loss, the adapters' gradients, the adapters after each of three steps of
AdamW, and of the merged model one weight and the logits.
"""
import os
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import MistralConfig, MistralForCausalLM

FOLDER = os.path.dirname(os.path.abspath(__file__))
MERGED = "model.layers.1.self_attn.o_proj"
CASES = {
    "plain": dict(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj", "down_proj"]),
    "patterns": dict(r=4, lora_alpha=6, use_rslora=True, target_modules=r".*layers\.(0|1)\.(self_attn\.[ko]|mlp\.(gate|up))_proj",
                     rank_pattern={"layers.0.self_attn.k_proj": 2, r".*up_proj": 3}, alpha_pattern={"1.mlp.gate_proj": 9}),
    "all": dict(r=2, lora_alpha=3, target_modules="all-linear"),
}


def fill(tensor, number, middle, width):
    """Element i is middle + width * u, where u in [-1, 1) is made of the low 16 bits of a product: exact before the last rounding."""
    i = torch.arange(tensor.numel(), dtype=torch.int64)
    u = ((i * 40503 + number * 30011 + 12345) % 65536).to(torch.float64) / 32768 - 1
    tensor.data.copy_((middle + width * u).to(torch.float32).view(tensor.shape))


def base():
    torch.manual_seed(0)
    model = MistralForCausalLM(MistralConfig(
        vocab_size=50, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=4,
        max_position_embeddings=64, sliding_window=None, rope_theta=10000.0, rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=0,
        eos_token_id=2, pad_token_id=1, attn_implementation="eager"))
    for number, (name, parameter) in enumerate(sorted(model.named_parameters())):
        norm = parameter.dim() == 1
        fill(parameter, number, 1.0 if norm else 0.0, 0.2 if norm else 0.4)
    return model


def adapters(model):
    """Under the names of the file, sorted."""
    return sorted((name.replace(".default.", "."), p) for name, p in model.named_parameters() if "lora_" in name)


def loss_of(model, ids):
    """Mean over the targets from position 3 on, as if the first three tokens were a prompt."""
    logits = model(input_ids=ids).logits
    labels = ids.clone()
    labels[:, :3] = -100
    return logits, torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 50), labels[:, 1:].reshape(-1))


for case, settings in CASES.items():
    folder = os.path.join(FOLDER, case)
    ids = (torch.arange(16).view(2, 8) * 7 + 3) % 47 + 3
    model = get_peft_model(base(), LoraConfig(task_type="CAUSAL_LM", **settings))
    for number, (name, parameter) in enumerate(adapters(model)):
        fill(parameter, 100 + number, 0.0, 0.3)
    out = {}
    optimizer = torch.optim.AdamW([p for _, p in adapters(model)], lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    for step in range(3):
        optimizer.zero_grad()
        logits, loss = loss_of(model, ids)
        loss.backward()
        if step == 0:
            out["logits"] = logits.detach().clone()
            out["loss"] = loss.detach().clone()
            for name, parameter in adapters(model):
                out["grad." + name] = parameter.grad.clone()
        optimizer.step()
        if step in (0, 2):
            for name, parameter in adapters(model):
                out[f"step{step + 1}." + name] = parameter.detach().clone()
    out["trained.logits"] = model(input_ids=ids).logits.detach().clone()
    config = model.peft_config["default"]
    config.base_model_name_or_path = "base"
    config.inference_mode = True
    config.save_pretrained(folder)
    merged = model.merge_and_unload()
    out["merged.logits"] = merged(input_ids=ids).logits.detach().clone()
    out["merged." + MERGED] = merged.get_submodule(MERGED).weight.detach().clone()
    save_file(out, os.path.join(folder, "expected.safetensors"))
