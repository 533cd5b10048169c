"""How fast and how large the functions start: see `run`, which calls this.

Each function of the template is started, with the environment that the template gives it, against a runtime API of our own
on loopback. Its time runs from just before the exec to the arrival of its first `GET …/invocation/next`, by which Lambda
counts it as ready; then its peak memory is read (`VmHWM`) and it is ended. Functions take turns, so that what else the
machine does meets all of them alike. Nothing is called over the network by a start.

What this leaves out of a cold start on Lambda: fetching and unpacking the package, and a processor share below one (a
function of 256 MB has a seventh of one).
"""

import argparse
import http.server
import threading
import json
import os
import re
import signal
import socket
import statistics
import sys
import time
from pathlib import Path

import yaml

# What the intrinsic functions of the template would give, where a parameter has no default.
SAMPLES = {"VENDOR_PARTNER_ID": "1", "VENDOR_NAME": "vendor", "LIVE_INGEST_URL": "rtmps://live.example.com/reach"}
# Beside the template's, what the engine that is its default looks for when it is set up.
ENGINE = {
    "REACH_LOCAL_PYTHON": sys.executable,
    "REACH_LOCAL_ENGINES": str(Path(__file__).resolve().parents[3] / "infra/local/engines"),
}
# How long a start may take, in seconds.
PATIENCE = 30


class Secrets(http.server.BaseHTTPRequestHandler):
    """Secrets Manager, for what functions read before they ask for their first event."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = json.dumps({"ARN": "arn:aws:x:eu-central-1:1:x", "Name": "x", "SecretString": json.dumps({"secret": "0" * 64})}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


SECRETS = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Secrets)
threading.Thread(target=SECRETS.serve_forever, daemon=True).start()


class Intrinsic:
    """`!Ref Name`, `!GetAtt …`, `!If […]`: kept as it is written."""

    def __init__(self, kind, value):
        self.kind, self.value = kind, value


class Loader(yaml.SafeLoader):
    pass


def intrinsic(loader, suffix, node):
    construct = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: loader.construct_sequence,
        yaml.MappingNode: loader.construct_mapping,
    }[type(node)]
    return Intrinsic(suffix, construct(node))


Loader.add_multi_constructor("!", intrinsic)


def functions(template):
    """Each function's binary and its environment as the template sets it."""
    parameters = template["Parameters"]
    common = template["Globals"]["Function"].get("Environment", {}).get("Variables", {})

    def value(name, given):
        if not isinstance(given, Intrinsic):
            return str(given)
        if given.kind == "Ref" and parameters.get(given.value, {}).get("Default") not in (None, ""):
            return str(parameters[given.value]["Default"])
        if name in SAMPLES:
            return SAMPLES[name]
        # A resource: anything of its form will do, since nothing is called.
        return "https://sqs.eu-central-1.amazonaws.com/1/x" if name.endswith("_URL") else "arn:aws:x:eu-central-1:1:x"

    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            own = resource["Properties"].get("Environment", {}).get("Variables", {})
            environment = {name: value(name, given) for name, given in {**common, **own}.items()}
            memory_mb = resource["Properties"].get("MemorySize", 128)
            yield resource["Metadata"]["BuildProperties"]["Binary"], environment, memory_mb


def start(binary, environment):
    """Starts a function once; answers its time in ms and its peak memory in bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        lambda_environment = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.getsockname()[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": binary.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{binary.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "start",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://127.0.0.1:{SECRETS.server_port}",
            "AWS_ACCESS_KEY_ID": "start",
            "AWS_SECRET_ACCESS_KEY": "start",
            "AWS_SESSION_TOKEN": "start",
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
        }
        begun = time.perf_counter()
        child = os.posix_spawn(binary, [str(binary)], {**lambda_environment, **ENGINE, **environment})
        try:
            with first_call(server, child, binary.name, begun) as connection:
                request = connection.recv(4096)
                took_ms = (time.perf_counter() - begun) * 1000
                if not request.startswith(b"GET /2018-06-01/runtime/invocation/next "):
                    raise SystemExit(f"{binary.name} asked for something else first: {request[:200]!r}")
                status = Path(f"/proc/{child}/status").read_text()
            return took_ms, int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
        finally:
            # Harmless where it has ended by itself: it stays to be waited for.
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def first_call(server, child, name, begun):
    """The first connection to the runtime API, or an error where none comes."""
    while True:
        try:
            return server.accept()[0]
        except TimeoutError:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                raise SystemExit(f"{name} ended before it asked for an event") from None
            if time.perf_counter() - begun > PATIENCE:
                raise SystemExit(f"{name} asked for no event within {PATIENCE} s") from None


def binary_of(folder, name):
    """Of a target folder, or of the folders that `sam build` makes (`ExtendKeys/bootstrap` for `extend-keys`)."""
    built = "".join(part.capitalize() for part in name.split("-"))
    for path in (folder / name, folder / built / "bootstrap"):
        if path.is_file():
            return path.resolve()
    raise SystemExit(f"{folder / name} is missing")


def main():
    parser = argparse.ArgumentParser(prog="tests/bench start", description=__doc__.split("\n")[0])
    parser.add_argument("--release", action="store_true", help="build and measure the release profile")
    parser.add_argument("--binaries", type=Path, metavar="FOLDER", help="measure what is built already")
    parser.add_argument("--function", action="append", metavar="NAME", help="this function alone; may be given again")
    parser.add_argument("--starts", type=int, default=15, metavar="NUMBER", help="starts of each function (default 15)")
    parser.add_argument("--quick", action="store_true", help="three starts of each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    parser.add_argument("--template", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--built", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.starts < 1:
        parser.error("--starts: expected at least 1")

    folder = arguments.binaries or arguments.built
    known = list(functions(yaml.load(arguments.template.read_text(), Loader)))
    if strange := set(arguments.function or []) - {name for name, _, _ in known}:
        parser.error(f"--function: {', '.join(sorted(strange))}: the template has {', '.join(name for name, _, _ in known)}")
    known = [row for row in known if not arguments.function or row[0] in arguments.function]
    binaries = {name: binary_of(folder, name) for name, _, _ in known}
    measured = {name: [] for name in binaries}
    for turn in range(1 + (3 if arguments.quick else arguments.starts)):
        for name, environment, _ in known:
            outcome = start(binaries[name], environment)
            # The first reads the binary from the disk.
            if turn:
                measured[name].append(outcome)

    figures = []
    for name, _, memory_mb in known:
        times = [took_ms for took_ms, _ in measured[name]]
        figures.append({
            "function": name,
            "start_ms": round(statistics.median(times), 1),
            "start_ms_least": round(min(times), 1),
            "start_ms_most": round(max(times), 1),
            "binary_bytes": binaries[name].stat().st_size,
            "peak_rss_bytes": max(rss for _, rss in measured[name]),
            "memory_mb": memory_mb,
        })
    starts = len(measured[known[0][0]])
    print(f"from exec to the first /next: median of {starts} starts, binaries of {folder}")
    print(f"{'function':<12} {'start ms':>9} {'least':>7} {'most':>7} {'binary MB':>10} {'peak MB':>8} {'of MB':>6}")
    for row in figures:
        print(
            f"{row['function']:<12} {row['start_ms']:>9.1f} {row['start_ms_least']:>7.1f} {row['start_ms_most']:>7.1f}"
            f" {row['binary_bytes'] / 1e6:>10.1f} {row['peak_rss_bytes'] / 1e6:>8.1f} {row['memory_mb']:>6}"
        )
    if arguments.json:
        report = {"binaries": str(folder), "starts": starts, "functions": figures}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
