"""Starts ministack with a fix for one gap of its version 1.5.33: it
doesn't know which parameters GetParametersByPath is about, and so refuses it to
every policy that names any."""

import json

from ministack.app import main
from ministack.core import iam_actions

resource_of = iam_actions.extract_resource_arn


def with_paths(service, method, path, headers, body, query_params, region, account_id):
    if service == "ssm" and headers.get("x-amz-target", "").endswith(".GetParametersByPath"):
        return f"arn:aws:ssm:{region}:{account_id}:parameter{json.loads(body)['Path']}"
    return resource_of(service, method, path, headers, body, query_params, region, account_id)


iam_actions.extract_resource_arn = with_paths
main()
