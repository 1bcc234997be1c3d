# SPDX-License-Identifier: Apache-2.0
"""The results of native/gpu_suite as a file: JSON, and the same as a Markdown table."""
import datetime
import json
import pathlib
import re

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"


class Results:
    """What the steps said. Steps of one day on one device gather in one file, so that they can be run one by one."""

    def __init__(self, folder, device, command):
        date = datetime.date.today().isoformat()
        self.path = pathlib.Path(folder) / f"gpu-{date}-{re.sub('[^a-z0-9]+', '-', device['name'].lower()).strip('-')}.json"
        self.data = {"date": date, "device": device, "steps": {}}
        if self.path.exists():
            found = json.loads(self.path.read_text())
            if found.get("device") == device:
                self.data = found
        self.data.setdefault("commands", []).append(command)
        self.failed = False  # of what was added now

    def add(self, step, parts):
        """parts: a list of dicts with at least `what` and `status`, and a `reason` for everything but PASSED."""
        self.data["steps"][step] = parts
        for part in parts:
            self.failed = self.failed or part["status"] == FAILED
            reason = f": {part['reason']}" if part.get("reason") else ""
            print(f"  {part['status']:8} {step}: {part['what']}{reason}", flush=True)

    def write(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.data, indent=1) + "\n")
        self.path.with_suffix(".md").write_text(table(self.data))
        return self.path


def copy_speed(measurements):
    return max((m["gb_per_s"] for m in measurements if m["name"] == "copy"), default=None)


def table(data):
    device = data["device"]
    lines = [f"# {device['name']}, {data['date']}", ""]
    lines.append(", ".join(f"{key.replace('_', ' ')} {device[key]}" for key in ("driver", "cuda", "capability", "memory_gib") if device.get(key)))
    lines += ["", *(f"    {command}" for command in data["commands"]), ""]
    measurements = [m for parts in data["steps"].values() for part in parts for m in part.get("measurements", [])]
    if measurements:
        lines += measurement_table(measurements)
    lines += ["| step | what | result |", "| --- | --- | --- |"]
    for step, parts in data["steps"].items():
        for part in parts:
            reason = f": {part['reason']}" if part.get("reason") else ""
            lines.append(f"| {step} | {part['what']} | {part['status']}{reason} |".replace("\n", " "))
    return "\n".join(lines) + "\n"


def measurement_table(measurements):
    copy = copy_speed(measurements)
    ours = {(m["name"], m["shape"], m["dtype"]): m["median_ms"] for m in measurements if m["implementation"] == "tppo"}
    lines = ["| what | shape | dtype | by | median | best | speed | of copy | time over tppo |", "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for m in measurements:
        speed = f"{m['gb_per_s']:.0f} GB/s" if "gb_per_s" in m else f"{m['tflop_per_s']:.0f} TFLOP/s" if "tflop_per_s" in m else ""
        share = f"{m['gb_per_s'] / copy:.0%}" if copy and "gb_per_s" in m and m["name"] != "copy" else ""
        base = ours.get((m["name"], m["shape"], m["dtype"]))
        ratio = f"{m['median_ms'] / base:.2f}" if base and m["implementation"] != "tppo" else ""
        lines.append(f"| {m['name']} | {m['shape']} | {m['dtype']} | {m['implementation']} | {duration(m['median_ms'])} | {duration(m['min_ms'])} | "
                     f"{speed} | {share} | {ratio} |")
    return lines + [""]


def duration(ms):
    return f"{ms * 1e3:.1f} us" if ms < 1 else f"{ms:.2f} ms"
