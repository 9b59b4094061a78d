"""Key pairs over EC2: created, imported, described, deleted, and given to instances."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.ec2.ec2_clients import Ec2, tagged
from tests.integration.ec2.ec2_server import IMAGE, Served

RUN = {"ImageId": IMAGE, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1}
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAomV3df2wX0SMNZKoKZcwuaU4h0WEBC0J8d2K4Qw0T/"


@pytest.mark.parametrize(("kind", "start"), [("rsa", "RSA PRIVATE KEY"), ("ed25519", "OPENSSH PRIVATE KEY")])
async def test_created_key_is_returned_once(ec2: Ec2, cloud: Served, tmp_path: Path, kind: str, start: str) -> None:
    created = await ec2.create_key_pair(KeyName="mine", KeyType=kind, TagSpecifications=tagged("key-pair", team="a"))
    private = created["KeyMaterial"]
    assert private.startswith(f"-----BEGIN {start}-----")
    (described,) = (await ec2.describe_key_pairs(KeyNames=["mine"]))["KeyPairs"]
    assert described["KeyFingerprint"] == created["KeyFingerprint"]
    assert (described["KeyType"], described["Tags"]) == (kind, [{"Key": "team", "Value": "a"}])
    assert "PublicKey" not in described
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert created["KeyPairId"].encode() in stored
    assert private.splitlines()[3].encode() not in stored


async def test_imported_key_is_shown_and_filtered(ec2: Ec2) -> None:
    imported = await ec2.import_key_pair(KeyName="home", PublicKeyMaterial=f"{PUBLIC} me@home".encode())
    for choice in (
        {"KeyPairIds": [imported["KeyPairId"]]},
        {"Filters": [{"Name": "key-name", "Values": ["ho*"]}]},
        {"Filters": [{"Name": "fingerprint", "Values": [imported["KeyFingerprint"]]}]},
    ):
        (found,) = (await ec2.describe_key_pairs(IncludePublicKey=True, **choice))["KeyPairs"]
        assert found["PublicKey"] == f"{PUBLIC} home"


async def test_wrong_requests_have_ec2s_codes(ec2: Ec2) -> None:
    await ec2.import_key_pair(KeyName="home", PublicKeyMaterial=PUBLIC.encode())
    duplicate = await ec2.error("create_key_pair", KeyName="home")
    assert (duplicate["Code"], duplicate["Message"]) == (
        "InvalidKeyPair.Duplicate",
        "The keypair 'home' already exists.",
    )
    assert await ec2.refused("create_key_pair", KeyName="home", DryRun=True) == "InvalidKeyPair.Duplicate"
    assert await ec2.refused("import_key_pair", KeyName="x", PublicKeyMaterial=b"no key") == "InvalidKey.Format"
    assert await ec2.refused("create_key_pair", KeyName=" x") == "InvalidParameterValue"
    assert await ec2.refused("create_key_pair", KeyName="x", KeyType="dsa") == "InvalidParameterValue"
    assert await ec2.refused("describe_key_pairs", KeyNames=["none"]) == "InvalidKeyPair.NotFound"
    assert await ec2.refused("describe_key_pairs", KeyPairIds=["key-0"]) == "InvalidKeyPair.NotFound"
    assert await ec2.refused("delete_key_pair") == "MissingParameter"
    assert await ec2.refused("run_instances", **RUN, KeyName="none") == "InvalidKeyPair.NotFound"


async def test_deleting_is_repeatable_and_instances_keep_their_key(ec2: Ec2, cloud: Served) -> None:
    imported = await ec2.import_key_pair(KeyName="home", PublicKeyMaterial=PUBLIC.encode())
    await ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"KeyName": "home"})
    launched = (await ec2.run_instances(**RUN, KeyName="home"))["Instances"]
    launched += (await ec2.run_instances(**RUN, LaunchTemplate={"LaunchTemplateName": "web"}))["Instances"]
    for _ in range(2):
        assert (await ec2.delete_key_pair(KeyName="home"))["Return"]
    assert await ec2.delete_key_pair(KeyPairId=imported["KeyPairId"])
    assert (await ec2.describe_key_pairs())["KeyPairs"] == []
    for instance in launched:
        assert instance["KeyName"] == "home"
        assert cloud.cloud.instances.get(instance["InstanceId"]).public_key == PUBLIC
    chosen = await ec2.describe_instances(Filters=[{"Name": "key-name", "Values": ["home"]}])
    assert len(chosen["Reservations"]) == len(launched)
    assert await ec2.refused("run_instances", **RUN, LaunchTemplate={"LaunchTemplateName": "web"}) == (
        "InvalidKeyPair.NotFound"
    )
