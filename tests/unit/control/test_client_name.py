"""Client names from User-Agent headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.control.call_log import client_name


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("aws-cli/2.15.0 md/awscrt#0.19.19 ua/2.0 os/linux", "AWS CLI"),
        ("aws-cli/1.32.1 md/Botocore#1.34.1 ua/2.0", "AWS CLI"),
        ("Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0 os/linux", "boto3"),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.9.0 (+https://www.terraform.io) terraform-provider-aws/5.0", "Terraform"),
        ("HashiCorp Terraform/1.9.0", "Terraform"),
        ("glasscloud-console", "glasscloud-console"),
        ("curl/8.5.0", "curl"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla"),
        ("x" * 500 + "/1", "x" * 40),
        ("", "unknown"),
        ("   ", "unknown"),
        ("/1.0", "unknown"),
        ("\x07\x1b[31m/1", "[31m"),
    ],
)
def test_known_tools_get_their_usual_name(user_agent: str, name: str) -> None:
    assert client_name(user_agent) == name


@given(user_agent=st.text(max_size=200))
def test_name_is_short_printable_and_never_empty(user_agent: str) -> None:
    name = client_name(user_agent)
    assert 1 <= len(name) <= 40
    assert name.isprintable()
