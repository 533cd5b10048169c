"""The local template differs from the real one in what local_template.py promises, and in nothing else."""

import copy
import json
import re
import tempfile
import unittest
from pathlib import Path

from local_template import localise
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
ENDPOINT = "http://127.0.0.1:4566"


class LocalTemplate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name)
        self.real = yaml_parse((ROOT / "template.yaml").read_text())
        self.local = localise(copy.deepcopy(self.real), ROOT, Path("/built"), self.out, "x86_64", ENDPOINT)

    def changes(self, real, local, path=""):
        """Paths of all leaves that differ."""
        if isinstance(real, dict) and isinstance(local, dict):
            for key in real.keys() | local.keys():
                yield from self.changes(real.get(key), local.get(key), f"{path}/{key}")
        elif isinstance(real, list) and isinstance(local, list) and len(real) == len(local):
            for index, (left, right) in enumerate(zip(real, local)):
                yield from self.changes(left, right, f"{path}/{index}")
        elif real != local:
            yield path

    def test_only_what_is_promised_changes(self):
        statement = r"/Resources/\w+/Properties/Policies/\d+/PolicyDocument/Statement/\d+"
        promised = re.compile(
            r"/Parameters/Architecture/Default"
            r"|/Parameters/(KalturaServiceUrl|HttpEngineUrl|PeopleIssuer)/AllowedPattern"
            r"|/Resources/(Claim|Process|Ended|Door|Live|Reconcile|Sweep)/Properties/Environment/Variables/DOOR_URL/Fn::Sub"
            r"|/Outputs/(DoorUrl|LiveUrl|PeopleUrl)/Value/Fn::Sub"
            r"|/Globals/Function/Environment/Variables/LIVE_SOCKETS_URL/Fn::Sub"
            r"|/Resources/Claim/Properties/Environment/Variables/LIVE_CAPTIONS_URL/Fn::Sub"
            r"|/Resources/Work/Properties/CorsConfiguration/CorsRules/0/AllowedOrigins/0/Fn::Sub"
            r"|/Resources/PeopleClient/Properties/(CallbackURLs|LogoutURLs)/0/Fn::Sub"
            r"|/Resources/\w+/Metadata"
            r"|/Resources/\w+/Properties/(CodeUri|DefinitionUri)"
            r"|/Resources/Ffmpeg(Arm64|X8664)Layer"
            r"|/Resources/(Fetch|People|Process|Render)/Properties/Layers"
            r"|/Globals/Function/Environment/Variables/REACH_DESCRIBE_FFMPEG/Fn::If/1"
            r"|/Resources/Fetch/Properties/Environment/Variables/REACH_FFMPEG"
            r"|/Resources/Process/Properties/Environment/Variables/REACH_TRANSCRIBE_FFMPEG"
            r"|/Resources/(Work|PageFiles)Policy"
            r"|/Resources/(ErrorRate|KalturaRefuses|Orphaned|Invariant)Alarm"
            r"|/Resources/Claim/Properties/Events/Orders/Properties/ScalingConfig/MaximumConcurrency"
            rf"|{statement}/Action"
            r"|/Resources/(Process|Door|Ended|Live|Reconcile|People)Role/Properties/Policies/0/PolicyDocument/Statement/\d+/Resource"
        )
        changed = list(self.changes(self.real, self.local))
        self.assertTrue(changed)
        self.assertEqual([path for path in changed if not promised.fullmatch(path)], [])

    def test_loopback_is_taken_here_and_refused_by_the_real_template(self):
        loopback = "http://127.0.0.1:8080"
        for parameter in ("KalturaServiceUrl", "HttpEngineUrl", "PeopleIssuer"):
            pattern = lambda template: re.compile(template["Parameters"][parameter]["AllowedPattern"])
            self.assertTrue(pattern(self.local).search(loopback))
            self.assertTrue(pattern(self.local).search("https://www.kaltura.com"))
            for url in (loopback, "http://www.kaltura.com", "https://localhost", "https://127.0.0.1"):
                self.assertFalse(pattern(self.real).search(url), url)
            self.assertFalse(pattern(self.local).search("http://10.0.0.1:8080"))
        service = re.compile(self.real["Parameters"]["KalturaServiceUrl"]["AllowedPattern"])
        self.assertFalse(service.search("https://a.b/path"))

    def test_the_door_is_at_the_emulator(self):
        address = {"Fn::Sub": ENDPOINT + "/_aws/execute-api/${DoorApi}/$default"}
        for function in ("Claim", "Process", "Ended", "Door", "Live", "Reconcile", "Sweep"):
            variables = self.local["Resources"][function]["Properties"]["Environment"]["Variables"]
            self.assertEqual(variables["DOOR_URL"], address, function)
        self.assertEqual(self.local["Outputs"]["DoorUrl"]["Value"], address)
        people = {"Fn::Sub": ENDPOINT + "/_aws/execute-api/${PeopleApi}/$default/"}
        self.assertEqual(self.local["Outputs"]["PeopleUrl"]["Value"], people)
        live = ENDPOINT + "/_aws/execute-api/${LiveApi}/live"
        everywhere = self.local["Globals"]["Function"]["Environment"]["Variables"]
        self.assertEqual(everywhere["LIVE_SOCKETS_URL"], {"Fn::Sub": live})
        listening = {"Fn::Sub": live.replace("http://", "ws://")}
        claim = self.local["Resources"]["Claim"]["Properties"]["Environment"]["Variables"]
        self.assertEqual(claim["LIVE_CAPTIONS_URL"], listening)
        self.assertEqual(self.local["Outputs"]["LiveUrl"]["Value"], listening)
        self.assertNotIn("execute-api.${AWS::Region}", str(self.local))

    def test_each_function_starts_its_binary(self):
        functions = [r for r in self.local["Resources"].values() if r["Type"] == "AWS::Serverless::Function"]
        self.assertEqual(len(functions), sum(1 for folder in (ROOT / "functions").iterdir() if folder.is_dir()))
        for function in functions:
            bootstrap = Path(function["Properties"]["CodeUri"]) / "bootstrap"
            self.assertTrue(bootstrap.stat().st_mode & 0o100)
            self.assertIn(f'exec "/built/{bootstrap.parent.name}"', bootstrap.read_text())

    def test_functions_that_need_ffmpeg_have_it_from_a_layer_and_here_from_the_machine(self):
        for name in ("Fetch", "People", "Process", "Render"):
            self.assertEqual(
                self.real["Resources"][name]["Properties"]["Layers"],
                [{"Fn::If": ["OnArm64", {"Ref": "FfmpegArm64Layer"}, {"Ref": "FfmpegX8664Layer"}]}],
            )
        self.assertNotIn("Ffmpeg", json.dumps(self.local))
        fetch = self.local["Resources"]["Fetch"]["Properties"]["Environment"]["Variables"]
        self.assertNotIn("/opt/", fetch["REACH_FFMPEG"])
        self.assertNotIn("/opt/", json.dumps(self.local["Globals"]))

    def test_no_role_gains_another_service(self):
        for name, resource in self.local["Resources"].items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            for policy in resource["Properties"].get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    actions = statement["Action"]
                    for action in [actions] if isinstance(actions, str) else actions:
                        self.assertNotIn("*", action, name)


if __name__ == "__main__":
    unittest.main()
