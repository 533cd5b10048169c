"""Has schemathesis call the people's API as somebody who has orders to work on: hooks, named in the environment as
SCHEMATHESIS_HOOKS. Numbers that are made up find no order, so nearly all are replaced by that of one that waits, held by who calls.
What is handed in is for an order of its own, since one that was taken answers nothing else any more."""

import os
import re

import requests
import schemathesis

URL = os.environ["PEOPLE_URL"]
TASK, TO_HAND_IN = os.environ["PEOPLE_TASKS"].split()
LOGIN = {"Authorization": f"Bearer {os.environ['PEOPLE_TOKEN']}"}

# What leaves an order with nobody, or with somebody until who knows when.
LETS_GO = {"takeOrder", "extendHold", "releaseOrder", "rejectOrder"}
held = set()


def of(operation):
    return TO_HAND_IN if operation.definition.raw["operationId"] == "submitWork" else TASK


@schemathesis.auth()
class Login:
    def get(self, case, context):
        return LOGIN

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), **data}


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """A number of twenty digits is left as it is: there is no such order."""
    if path_parameters and re.fullmatch(r"[0-9]{1,19}", str(path_parameters.get("task", ""))):
        path_parameters["task"] = of(context.operation)
    return path_parameters


@schemathesis.hook
def before_call(context, case, kwargs):
    task = of(case.operation)
    if "work" in case.operation.definition.raw["tags"] and task not in held:
        taken = requests.post(f"{URL}api/orders/{task}/take", headers=LOGIN, timeout=20)
        if taken.status_code in (200, 410):
            held.add(task)


@schemathesis.hook
def after_call(context, case, response):
    if case.operation.definition.raw["operationId"] in LETS_GO:
        held.discard(of(case.operation))
