"""How fast media comes into S3, beside the tools one would take else: see `run`, which calls this.

The media is 720p25 H.264 with B-frames and AAC at some 2.1 Mbit/s: one minute is encoded once, and repeated without
encoding to 10 and 60 minutes, as HLS of 10 s segments and as MP4. `media-bench-origin` serves it on loopback with a wait
before each answer and a rate for each connection. Ours (`media-bench-fetch`) remuxes and uploads to an S3 API on loopback
(ministack); the others stop at a local file, ffmpeg and yt-dlp with an MP4, streamlink with a transport stream, aria2c and
curl with the segments.
`ours-16` keeps to sixteen connections, as aria2c and curl do.

The programs of a case take turns, round by round, so that what else the machine does meets all alike. Wall time is from
exec to exit; processor time and peak memory are the kernel's count for the process and its children (a child of this program
never counts less than this program itself, some 20 MiB). Ours is counted without the S3 API and the server, which share
the machine's processors with it: read the ratios.
"""

import argparse
import dataclasses
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

MIB = 1 << 20
BUCKET = "bench"
CAP = 2_500_000  # 20 Mbit/s, in bytes a second
LIMIT_S = 600
ENCODE = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=60,noise=alls=12:allf=t",
          "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=60",
          "-c:v", "libx264", "-preset", "veryfast", "-b:v", "2M", "-maxrate", "2.2M", "-bufsize", "4M", "-bf", "2", "-g", "50",
          "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k"]


@dataclasses.dataclass
class Case:
    name: str
    minutes: int
    first_byte_ms: int
    connection_bytes_per_s: int
    programs: list
    progressive: bool = False


HLS = ["ours", "ours-16", "ffmpeg", "yt-dlp", "streamlink", "aria2c", "curl"]
CASES = [
    Case("hls-10min-50ms-20mbit", 10, 50, CAP, HLS),
    Case("hls-10min-200ms-20mbit", 10, 200, CAP, HLS),
    Case("hls-60min-50ms", 60, 50, 0, HLS),
    Case("progressive-10min-50ms-20mbit", 10, 50, CAP, ["ours", "ours-16", "aria2c", "ffmpeg"], progressive=True),
]


def made(folder, minutes):
    """The media of so many minutes, made once."""
    ready = folder / f"{minutes}min"
    if ready.exists():
        return ready

    def ffmpeg(*arguments):
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)

    folder.mkdir(parents=True, exist_ok=True)
    minute = folder / "minute.mp4"
    if not minute.exists():
        ffmpeg(*ENCODE, folder / "draft.mp4")
        (folder / "draft.mp4").rename(minute)
    draft = Path(tempfile.mkdtemp(dir=folder))
    again = ["-stream_loop", minutes - 1, "-i", minute, "-c", "copy"]
    ffmpeg(*again, "-movflags", "+faststart", draft / "movie.mp4")
    ffmpeg(*again, "-f", "hls", "-hls_time", 10, "-hls_list_size", 0, "-hls_playlist_type", "vod", draft / "index.m3u8")
    draft.rename(ready)
    return ready


class Service:
    """A program that runs beside, ended with the block."""

    def __init__(self, command, environment=None, **streams):
        self.child = subprocess.Popen(command, env=environment, **streams)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()


class S3(Service):
    def __init__(self, program, home):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "BIND_HOST": "127.0.0.1",
                       "MINISTACK_HOST": "127.0.0.1", "MINISTACK_REGION": "eu-central-1", "GATEWAY_PORT": str(port)}
        self.log = home / "s3.log"
        super().__init__([program], environment, cwd=home, stdout=self.log.open("w"), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=5).close()
                break
            except OSError:
                if self.child.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"the S3 API did not come up: {self.log.read_text()[-2000:]}") from None
                time.sleep(0.1)
        self.request("PUT", "")

    def request(self, method, key):
        request = urllib.request.Request(f"{self.endpoint}/{BUCKET}/{key}", method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.headers

    def environment(self):
        return {**os.environ, "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": "eu-central-1",
                "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


def command(name, options, case, media, address, work):
    """The command line of a program, and the files that it is to leave."""
    url = f"{address}/{'movie.mp4' if case.progressive else 'index.m3u8'}"
    segments = sorted(path.name for path in media.glob("*.ts"))
    if name.startswith("ours"):
        arguments = ["--address", url, "--bucket", BUCKET, "--key", "movie.mp4",
                     "--kind", "progressive" if case.progressive else "hls"]
        return [options.programs / "media-bench-fetch", *arguments, *(["--window-segments", "16"] if name == "ours-16" else [])]
    if name == "ffmpeg":
        bitstream = [] if case.progressive else ["-bsf:a", "aac_adtstoasc"]
        return ["ffmpeg", "-v", "error", "-nostdin", "-i", url, "-c", "copy", *bitstream, work / "movie.mp4"]
    if name == "yt-dlp":
        return [options.peers / "yt-dlp", "--ignore-config", "--quiet", "--no-progress", "-N", "16",
                "-o", work / "movie.mp4", url]
    if name == "streamlink":
        return [options.peers / "streamlink", "--no-config", "--loglevel", "error", "--stream-segment-threads", "8",
                "-o", work / "movie.ts", f"hls://{url}", "best"]
    if name == "aria2c":
        common = ["aria2c", "--no-conf", "--quiet", "--allow-overwrite=true", "--file-allocation=none", "-d", work]
        if case.progressive:
            return [*common, "-x16", "-s16", "-k1M", url]
        (work / "list").write_text("".join(f"{address}/{segment}\n" for segment in segments))
        return [*common, "-j16", "-i", work / "list"]
    lines = [f'url = "{address}/{segment}"\noutput = "{work / segment}"\n' for segment in segments]
    (work / "list").write_text("".join(lines))
    return ["curl", "-sS", "--fail", "-Z", "--parallel-immediate", "--parallel-max", "16", "-K", work / "list"]


def measured(arguments, environment):
    """Runs a program to its end: wall and processor seconds, peak memory."""
    with tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        child = subprocess.Popen(list(map(str, arguments)), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=said)
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            message = said.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{Path(arguments[0]).name} ended with {child.returncode}: {message}")
    return {"wall_s": wall_s, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_rss_mib": usage.ru_maxrss / 1024}, output


def once(name, options, case, media, address, s3):
    """One run of one program, with a look at what it left: media that is short fails the benchmark."""
    with tempfile.TemporaryDirectory(dir=options.media) as place:
        work = Path(place)
        arguments = command(name, options, case, media, address, work)
        figures, output = measured(arguments, s3.environment())
        source = [media / "movie.mp4"] if case.progressive else sorted(media.glob("*.ts"))
        size_bytes = sum(path.stat().st_size for path in source)
        if name.startswith("ours"):
            report = json.loads(output)
            stored = int(s3.request("HEAD", "movie.mp4")["Content-Length"])
            s3.request("DELETE", "movie.mp4")
            whole = stored == report["bytes_out"] and abs(report["duration_ms"] - case.minutes * 60_000) < 1_000
        else:
            stored = sum(path.stat().st_size for path in work.iterdir() if path.name != "list")
            whole = stored >= size_bytes * 0.93
        if not whole:
            raise SystemExit(f"{name}: {stored} bytes came of {size_bytes}")
        return {**figures, "source_bytes": size_bytes}


def run_case(case, rounds, options, s3):
    media = made(options.media, case.minutes)
    origin = [options.programs / "media-bench-origin", "--root", media, "--first-byte-ms", str(case.first_byte_ms),
              "--connection-bytes-per-s", str(case.connection_bytes_per_s)]
    runs = {name: [] for name in case.programs}
    with Service(origin, stdout=subprocess.PIPE, text=True) as server:
        address = server.child.stdout.readline().strip()
        for number in range(rounds):
            # Each round begins with another one.
            turn = number % len(case.programs)
            for name in case.programs[turn:] + case.programs[:turn]:
                print(f"  {case.name} round {number + 1}: {name}", file=sys.stderr)
                runs[name].append(once(name, options, case, media, address, s3))
    medians = {name: {key: statistics.median(run[key] for run in many) for key in many[0]} for name, many in runs.items()}
    for figures in medians.values():
        figures["rate_mb_per_s"] = figures["source_bytes"] / 1e6 / figures["wall_s"]
        figures["cpu_s_per_gb"] = figures["cpu_s"] / (figures["source_bytes"] / 1e9)
        figures["ours_is_faster_by"] = figures["wall_s"] / medians["ours"]["wall_s"]
    return {"case": case.name, "rounds": rounds, "programs": medians}


def table(results):
    print("| case | program | wall s | MB/s | CPU s | CPU s/GB | peak RSS MiB | × ours |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for result in results:
        for name, row in result["programs"].items():
            print(f"| {result['case']} | {name} | {row['wall_s']:.1f} | {row['rate_mb_per_s']:.1f} | {row['cpu_s']:.2f} | "
                  f"{row['cpu_s_per_gb']:.2f} | {row['peak_rss_mib']:.0f} | {row['ours_is_faster_by']:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds a case (5)")
    parser.add_argument("--cases", help="these cases only, separated by commas: " + ", ".join(case.name for case in CASES))
    parser.add_argument("--quick", action="store_true", help="the first row, once")
    parser.add_argument("--json", type=Path, help="writes the figures to this file too")
    for name in ("--programs", "--peers", "--emulator", "--media"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    cases = CASES
    if options.cases:
        wanted = options.cases.split(",")
        if unknown := set(wanted) - {case.name for case in CASES}:
            parser.error(f"no such case: {', '.join(sorted(unknown))}")
        cases = [case for case in CASES if case.name in wanted]
    if options.quick:
        cases, options.rounds = cases[:1], 1
    options.media.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=options.media))
    try:
        with S3(options.emulator, home) as s3:
            results = [run_case(case, options.rounds, options, s3) for case in cases]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    table(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
