"""Calls health services: each line of stdin is a target, xds:///NAME, and a number of calls.

Its answer to a line is one line: how many calls went well, and the first failure. The
bootstrap comes from GRPC_XDS_BOOTSTRAP_CONFIG.
"""

import sys

import grpc

channels = {}
for line in sys.stdin:
    target, number = line.split()
    if target not in channels:
        channels[target] = grpc.insecure_channel(target)
    # An empty request message is no bytes: the generated types are not needed.
    check = channels[target].unary_unary("/grpc.health.v1.Health/Check")
    well, failure = 0, ""
    for _ in range(int(number)):
        try:
            check(b"", timeout=30)
            well += 1
        except grpc.RpcError as e:
            failure = failure or f"{e.code().name} {e.details()}".replace("\n", " ")
    print(well, failure, flush=True)
