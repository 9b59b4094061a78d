"""Settings of the environment that do not apply to load are named."""

from __future__ import annotations

import pytest

from client.load.run_report import ignored_proxies


@pytest.mark.parametrize(
    ("urls", "environ", "named"),
    [
        (["http://a/"], {}, []),
        (["http://a/"], {"HTTPS_PROXY": "p", "http_proxy": ""}, []),
        (["http://a/", "HTTPS://b/"], {"HTTPS_PROXY": "p", "http_proxy": "q"}, ["http_proxy", "HTTPS_PROXY"]),
        (["http://a/"], {"ALL_PROXY": "p"}, ["ALL_PROXY"]),
    ],
)
def test_proxies_that_are_ignored_are_named(urls: list[str], environ: dict[str, str], named: list[str]) -> None:
    assert ignored_proxies(urls, environ) == named
