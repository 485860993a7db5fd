"""A client of the control plane, generated from the schema: lists, counts and kicks the only edge."""

import importlib
import sys
import tempfile
from pathlib import Path

import grpc
from grpc_tools import protoc


def generated(schema):
    """The modules that protoc makes of the schema."""
    out = tempfile.mkdtemp()
    args = ["protoc", f"-I{schema.parent}", f"--python_out={out}", f"--grpc_python_out={out}", str(schema)]
    assert protoc.main(args) == 0, "protoc fails"
    sys.path.insert(0, out)
    return importlib.import_module("controlplane_pb2"), importlib.import_module("controlplane_pb2_grpc")


def main(schema, target, edge_id):
    messages, stubs = generated(Path(schema))
    with grpc.insecure_channel(target) as channel:
        control = stubs.ControlPlaneStub(channel)
        listed = control.ListEdges(messages.ListEdgesRequest(page=1, page_size=100000), timeout=60)
        assert listed.count == 1, listed
        assert [edge.edge_id for edge in listed.edges] == [edge_id], listed
        assert control.DescribeEdge(messages.GetEdgeRequest(edge_id=edge_id), timeout=60).link.transport == "tcp"
        control.KickEdge(messages.KickEdgeRequest(edge_id=edge_id), timeout=60)
        assert control.ListEdges(messages.ListEdgesRequest(), timeout=60).count == 0
        try:
            control.GetEdge(messages.GetEdgeRequest(edge_id=edge_id), timeout=60)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
        else:
            raise AssertionError("an edge that was kicked is found")
    print("done")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
