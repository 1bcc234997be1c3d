#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The job of `tppo prepare` on an AOL log, in DuckDB and in Polars, timed in turn with tppo.

    python3 prepare.py run LOG... [--engines tppo,duckdb,polars] [--repeats 5] [--threads 2] [--heap 1g] [--work DIR]
    python3 prepare.py one duckdb LOG... --out FILE [--threads 2] [--memory-limit 8GB]

`run` starts every measurement in a process of its own, in turn, and prints one JSON object a line: each measurement (wall-clock and processor
seconds of the whole process, start included; largest resident memory), then for each engine the medians and how many times as long as tppo it took
(median of the ratios within a round), and how far its examples agree with tppo's. Optional: needs duckdb and polars, which the project never does.

The job: read the rows, plain or gzip; NFKC, lower case and single spaces; drop rows that are not UTF-8 or whose query is empty, an address or longer
than 100 characters; bring each user's rows together in order of time; drop consecutive repeats; take the newest three distinct queries as
targets, and the newest 20 searches and the newest 20 clicked hosts before them as history; write one JSON object a user. What the peers do not do: deal users to
splits, order them by a hash, count what was dropped and why, refuse users with 20,000 rows and more; DuckDB has NFC, not NFKC.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
MAX_CHARS, TARGETS, HISTORY = 100, 3, 20
# As QueryCleaner: a word that starts an address, a whole query that is one, and what counts as space.
ADDRESS = r"(^| )(https?:|ftp:|www\.|http //)|://"
HOST = (r"[\p{L}\p{N}_-]+(\.[\p{L}\p{N}_-]+)*\.(com|net|org|edu|gov|mil|info|biz|(co|ac|com|org)\.[a-z]{2}"
        r"|us|uk|ca|de|fr|it|es|nl|au|nz|jp|cn|ru|br|in|eu|tv)\.?([/:?#].*)?")
SPACE = r"[\x00-\x20\x7f-\x{a0}\p{Zs}\x{200b}\x{feff}\x{2028}\x{2029}]+"
CONTENT = r"[\p{L}\p{Nd}\p{So}]"
CLICKED_HOST = r"^(?:.*?://)?(?:www\.)?([^/?#:]*)"


def duckdb_job(files, out, threads, memory_limit):
    import duckdb

    db = duckdb.connect(config={"threads": threads})
    if memory_limit:
        db.execute(f"set memory_limit = '{memory_limit}'")
    db.execute(f"set temp_directory = '{out}.tmp'")
    db.execute("set preserve_insertion_order = false")

    def clean(column):
        spaced = rf"trim(regexp_replace({column}, '{SPACE}', ' ', 'g'))"
        # Nearly every query is already in one piece; the pattern runs over the others only.
        return (rf"case when regexp_full_match({column}, '[!-~]+( [!-~]+)*') then lower({column}) "
                rf"else lower(nfc_normalize({spaced})) end")

    db.execute(f"""
        create temp table cleaned as
        with typed as (
          select AnonID as u, try_cast(QueryTime as timestamp) as t, {clean('Query')} as q,
            {clean("coalesce(ClickURL, '')")} as c, file, line
          from (select *, filename as file, row_number() over () as line from read_csv({[str(f) for f in files]}, delim = '\t', quote = '', escape = '',
            header = true, all_varchar = true, null_padding = true, ignore_errors = true, filename = true, columns = {{
            'AnonID': 'varchar', 'Query': 'varchar', 'QueryTime': 'varchar', 'ItemRank': 'varchar', 'ClickURL': 'varchar'}}))
          where t is not null)
        select u, t, file, line, q, case when contains(c, ' ') or not (contains(c, '.') or contains(c, '://')) then c
            else regexp_extract(c, '{CLICKED_HOST}', 1) end as c
        from typed
        where regexp_matches(q, '{CONTENT}') and length(q) <= {MAX_CHARS}
          and not ((contains(q, '.') or contains(q, ':') or starts_with(q, 'http'))
            and (regexp_matches(q, '{ADDRESS}') or (not contains(q, ' ') and regexp_full_match(q, '{HOST}'))))""")
    db.execute("""
        create temp table rows as
        select u, q, c, n, sum(fresh) over (partition by u order by n) as run, fresh
        from (select u, q, c, row_number() over w as n, (q is distinct from lag(q) over w)::int as fresh
          from cleaned window w as (partition by u order by t, file, line))""")
    db.execute(f"""
        copy (
          with lasts as (select u, q, max(run) as last from rows where fresh = 1 group by u, q),
          starts as (select u, min(last) as start from (select u, unnest(max(last, {TARGETS})) as last from lasts group by u)
            group by u having count(*) = {TARGETS}),
          targets as (select u, list(q order by first) as target_queries
            from (select u, q, min(run) as first from rows join starts using (u) where fresh = 1 and run >= start group by u, q) group by u),
          searches as (select u, list(q order by run)[-{HISTORY}:] as search from rows join starts using (u)
            where fresh = 1 and run < start group by u),
          clicked as (select u, c, min(n) as n from rows join starts using (u) where run < start and c <> '' group by u, run, c),
          clicks as (select u, list(c order by n)[-{HISTORY}:] as click
            from (select u, c, n from clicked qualify c is distinct from lag(c) over (partition by u order by n)) group by u)
          select u as user, {{'search': search, 'click': coalesce(click, []), 'purchase': [], 'visit': []}} as history, target_queries
          from searches join targets using (u) left join clicks using (u)
        ) to '{out}' (format json)""")


def polars_job(files, out, threads, memory_limit):
    import polars as pl

    def clean(column):
        return pl.col(column).str.normalize("NFKC").str.to_lowercase().str.replace_all(SPACE, " ").str.strip_chars(" ")

    q, c = pl.col("q"), pl.col("c")
    address = (q.str.contains(".", literal=True) | q.str.contains(":", literal=True) | q.str.starts_with("http")) & (
        q.str.contains(ADDRESS) | (~q.str.contains(" ", literal=True) & q.str.contains("^(?:" + HOST + ")$")))
    names = ["AnonID", "Query", "QueryTime", "ItemRank", "ClickURL"]
    rows = (
        pl.scan_csv(files, separator="\t", quote_char=None, schema={n: pl.String for n in names}, encoding="utf8-lossy",
                    truncate_ragged_lines=True, empty_string_is_null=False)
        .filter(~pl.col("Query").str.contains("\ufffd", literal=True))
        .select(pl.col("AnonID").alias("u"), pl.col("QueryTime").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False).alias("t"),
                clean("Query").alias("q"), clean("ClickURL").alias("c"))
        .filter(pl.col("t").is_not_null(), q.str.contains(CONTENT), q.str.len_chars() <= MAX_CHARS, ~address)
        .with_columns(pl.when(c.str.contains(" ", literal=True) | ~(c.str.contains(".", literal=True) | c.str.contains("://", literal=True)))
                      .then(c).otherwise(c.str.extract(CLICKED_HOST, 1)).alias("c"))
        .sort("u", "t", maintain_order=True)
        .with_columns(((pl.col("u") != pl.col("u").shift()) | (q != q.shift())).fill_null(True).alias("fresh"))
        .with_columns(pl.col("fresh").cum_sum().alias("run"))
        .collect(engine="streaming"))
    runs = rows.lazy().filter("fresh").select("u", "q", "run")
    starts = (runs.group_by("u", "q").agg(pl.col("run").max()).group_by("u").agg(pl.col("run").top_k(TARGETS))
              .filter(pl.col("run").list.len() == TARGETS).select("u", pl.col("run").list.min().alias("start")))
    runs = runs.join(starts, on="u", maintain_order="left")
    targets = (runs.filter(pl.col("run") >= pl.col("start")).unique(["u", "q"], keep="first", maintain_order=True)
               .group_by("u", maintain_order=True).agg(q.alias("target_queries")))
    searches = runs.filter(pl.col("run") < pl.col("start")).group_by("u", maintain_order=True).agg(q.tail(HISTORY).alias("search"))
    clicks = (rows.lazy().filter(c != "").select("u", "run", "c").join(starts, on="u", maintain_order="left")
              .filter(pl.col("run") < pl.col("start")).unique(["run", "c"], keep="first", maintain_order=True)
              .filter(((pl.col("u") != pl.col("u").shift()) | (c != c.shift())).fill_null(True))
              .group_by("u", maintain_order=True).agg(c.tail(HISTORY).alias("click")))
    none = pl.lit([], dtype=pl.List(pl.String))
    (searches.join(targets, on="u").join(clicks, on="u", how="left")
     .select(pl.col("u").alias("user"), pl.struct("search", pl.col("click").fill_null(none), none.alias("purchase"), none.alias("visit"))
             .alias("history"), "target_queries")
     .collect().write_ndjson(out))


JOBS = {"duckdb": duckdb_job, "polars": polars_job}


def examples(paths):
    found = {}
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                example = json.loads(line)
                found[example["user"]] = (example["history"]["search"], example["history"]["click"], example["target_queries"])
    return found


def measure(engine, args, folder):
    """Runs one engine in a process of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = dict(os.environ)
    if engine == "tppo":
        config = folder / "config.json"
        config.write_text(json.dumps({"data": {"form": "aol", "files": [str(f) for f in args.logs]}}))
        environment["TPPO_JAVA_OPTS"] = f"-Xmx{args.heap}"
        command = [str(HERE.parent.parent / "tppo"), "prepare", str(config), "--out", str(folder / "run")]
        outputs = [folder / "run" / "data" / (split + ".jsonl") for split in ("train", "valid", "eval")]
    else:
        environment["POLARS_MAX_THREADS"] = str(args.threads)
        outputs = [folder / "examples.jsonl"]
        command = [sys.executable, __file__, "one", engine, *map(str, args.logs), "--out", str(outputs[0]), "--threads", str(args.threads)]
        command += ["--memory-limit", args.memory_limit] if args.memory_limit else []
    log = folder / "log"
    start = time.perf_counter()
    with open(log, "w") as sink:
        process = os.posix_spawn(command[0], command, environment,
                                 file_actions=[(os.POSIX_SPAWN_DUP2, sink.fileno(), 1), (os.POSIX_SPAWN_DUP2, sink.fileno(), 2)])
        _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{engine}: exit status {os.waitstatus_to_exitcode(status)}\n{log.read_text()[-2000:]}")
    return {"engine": engine, "wall_s": round(wall, 2), "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
            "max_rss_mib": usage.ru_maxrss // 1024, "load": round(os.getloadavg()[0], 1)}, outputs


def run(args):
    engines = args.engines.split(",")
    measured = {engine: [] for engine in engines}
    outputs = {}
    for repeat in range(args.repeats):
        for engine in engines:
            result, outputs[engine] = measure(engine, args, args.work / engine)
            measured[engine].append(result)
            print(json.dumps({"repeat": repeat, **result}), flush=True)
    ours = examples(outputs["tppo"]) if "tppo" in engines else None
    for engine in engines:
        rounds = measured[engine]
        summary = {"engine": engine, "logs": len(args.logs), "threads": args.threads, "rounds": len(rounds)}
        summary.update({f"median_{k}": statistics.median(r[k] for r in rounds) for k in ("wall_s", "cpu_s", "max_rss_mib")})
        if ours is not None and engine != "tppo":
            for k in ("wall_s", "cpu_s"):
                summary[f"{k}_times_tppo"] = round(statistics.median(r[k] / t[k] for r, t in zip(rounds, measured["tppo"])), 2)
            theirs = examples(outputs[engine])
            summary.update(users=len(theirs), users_tppo=len(ours), users_equal=sum(theirs.get(u) == e for u, e in ours.items()))
        print(json.dumps(summary), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("one")
    one.add_argument("engine", choices=JOBS)
    one.add_argument("--out", required=True)
    one.set_defaults(run=lambda a: JOBS[a.engine](a.logs, a.out, a.threads, a.memory_limit))
    several = commands.add_parser("run")
    several.add_argument("--engines", default="tppo,duckdb,polars")
    several.add_argument("--repeats", type=int, default=5)
    several.add_argument("--heap", default="1g", help="largest Java heap of tppo")
    several.add_argument("--work", type=pathlib.Path, default=pathlib.Path("prepare-peers"), help="folder for outputs, emptied before each run")
    several.set_defaults(run=run)
    for command in (one, several):
        command.add_argument("logs", nargs="+", type=pathlib.Path)
        command.add_argument("--threads", type=int, default=2)
        command.add_argument("--memory-limit", default="", help="of DuckDB, for instance 8GB")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
