"""Makes the template of a local run out of the real one.

    python local_template.py TEMPLATE BINARIES OUT_FOLDER ENDPOINT

The local run deploys the real template.yaml. This is all that differs, and why:

1.  A function's CodeUri is a folder with a two-line `bootstrap` that starts the binary of the host's build, and its
    build Metadata goes: a debug binary is 100 MB and ten of them would be zipped at each deployment.
2.  Architecture is x86_64 or arm64 as the host is: the binaries are the host's.
3.  KalturaServiceUrl, HttpEngineUrl and PeopleIssuer may be http on loopback: the stand-in, the sample engine and the run's
    issuer have no certificate. Elsewhere the real patterns stand.
4.  The bucket policy's TLS-only statement goes: the emulator speaks plain http on loopback, and enforces the policy.
5.  ScalingConfig's MaximumConcurrency is a number in place of a parameter: the emulator compares the parameter's text
    with a number, and never polls the queue.
6.  Who may sqs:SendMessage may also sqs:SendMessageBatch: AWS checks the former for both calls, the emulator asks for
    an action that AWS doesn't know.
7.  Who may complete waits may complete any: the emulator can't tell whose state machine a task token is.
8.  Alarms on several metrics together go: the emulator has no metric math.
9.  The addresses of the door, of the people's API and of the websocket are the emulator's (ENDPOINT), which has no host of its own
    for an API, only a path. LiveIngestUrl may be on loopback as it is.
10. The layers with ffmpeg go, and REACH_FFMPEG, REACH_DESCRIBE_FFMPEG and REACH_TRANSCRIBE_FFMPEG name the machine's own,
    which is on the PATH of the functions' processes: the emulator's native processes have no /opt of theirs.

Everything else (roles, queues, table, key, state machine, schedules, alarms) is deployed as it is written.
"""

import json
import platform
import shutil
import stat
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_parse

LOOPBACK_URL = r"^http://127\.0\.0\.1:[0-9]{1,5}/?$"
DOOR_URL = {"Fn::Sub": "https://${DoorApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
LIVE_URL = {"Fn::Sub": "wss://${LiveApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live"}
LIVE_SOCKETS_URL = {"Fn::Sub": "https://${LiveApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live"}
PEOPLE_ORIGIN = {"Fn::Sub": "https://${PeopleApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
PEOPLE_URL = {"Fn::Sub": "https://${PeopleApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/"}


def localise(template: dict, root: Path, binaries: Path, out: Path, machine: str, endpoint: str) -> dict:
    """Changes `template` as the head of this file says; writes the bootstrap folders under `out`."""
    parameters = template["Parameters"]
    parameters["Architecture"]["Default"] = "arm64" if machine in ("aarch64", "arm64") else "x86_64"
    for url in (parameters["KalturaServiceUrl"], parameters["HttpEngineUrl"], parameters["PeopleIssuer"]):
        url["AllowedPattern"] = f"{url['AllowedPattern']}|{LOOPBACK_URL}"
    describing = template["Globals"]["Function"]["Environment"]["Variables"]["REACH_DESCRIBE_FFMPEG"]["Fn::If"]
    describing[1] = shutil.which("ffmpeg") or ""
    template = with_address(template, DOOR_URL, {"Fn::Sub": f"{endpoint}/_aws/execute-api/${{DoorApi}}/$default"})
    live = f"{endpoint}/_aws/execute-api/${{LiveApi}}/live"
    template = with_address(template, LIVE_SOCKETS_URL, {"Fn::Sub": live})
    template = with_address(template, LIVE_URL, {"Fn::Sub": live.replace("http", "ws", 1)})
    template = with_address(template, PEOPLE_ORIGIN, {"Fn::Sub": endpoint})
    template = with_address(template, PEOPLE_URL, {"Fn::Sub": f"{endpoint}/_aws/execute-api/${{PeopleApi}}/$default/"})
    for resource in template["Resources"].values():
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind == "AWS::Serverless::Function":
            binary = resource.pop("Metadata")["BuildProperties"]["Binary"]
            properties["CodeUri"] = str(bootstrap(binaries / binary, out / binary))
            properties.pop("Layers", None)
            variables = properties.get("Environment", {}).get("Variables", {})
            for name in {"REACH_FFMPEG", "REACH_TRANSCRIBE_FFMPEG"} & variables.keys():
                variables[name] = shutil.which("ffmpeg") or ""
            for event in properties.get("Events", {}).values():
                scaling = event["Properties"].get("ScalingConfig", {})
                if "MaximumConcurrency" in scaling:
                    scaling["MaximumConcurrency"] = parameters[scaling["MaximumConcurrency"]["Ref"]]["Default"]
        elif kind == "AWS::IAM::Role":
            for policy in properties["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    if statement["Action"] == "sqs:SendMessage":
                        statement["Action"] = ["sqs:SendMessage", "sqs:SendMessageBatch"]
                    if "states:SendTaskSuccess" in statement["Action"]:
                        statement["Resource"] = "*"
        elif kind == "AWS::Serverless::StateMachine":
            properties["DefinitionUri"] = str(root / properties["DefinitionUri"])
        elif kind == "AWS::S3::BucketPolicy":
            policy = properties["PolicyDocument"]
            policy["Statement"] = [s for s in policy["Statement"] if s["Sid"] != "TlsOnly"]
    template["Resources"] = {
        name: resource
        for name, resource in template["Resources"].items()
        if not uses_metric_math(resource) and resource["Type"] != "AWS::Serverless::LayerVersion"
    }
    # CloudFormation refuses a policy without statements, so does the emulator.
    template["Resources"] = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource.get("Properties", {}).get("PolicyDocument", {"Statement": [1]})["Statement"]
    }
    return template


def with_address(part, former: dict, address: dict):
    """A part of the template with another address in the place of the former."""
    if part == former:
        return address
    if isinstance(part, dict):
        return {key: with_address(value, former, address) for key, value in part.items()}
    if isinstance(part, list):
        return [with_address(value, former, address) for value in part]
    return part


def uses_metric_math(resource: dict) -> bool:
    return resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]


def bootstrap(binary: Path, folder: Path) -> Path:
    """A deployment package that starts `binary`."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "bootstrap"
    script.write_text(f'#!/bin/sh\nexec "{binary}"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return folder


def main() -> None:
    source, binaries, out = (Path(argument).resolve() for argument in sys.argv[1:4])
    template = yaml_parse(source.read_text())
    out.mkdir(parents=True, exist_ok=True)
    local = localise(template, source.parent, binaries, out, platform.machine(), sys.argv[4])
    (out / "template.json").write_text(json.dumps(local, indent=2))


if __name__ == "__main__":
    main()
