# One image for all of glasscloud: the platform, the search service, the client, and what runs inside instances.
# Any Debian-based image with Python >= 3.11 on its PATH can be the base image.
ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /src
# Debian splits venv off its Python, and a Python image has it already: --without-pip works with both.
RUN python3 -m venv --without-pip /opt/glasscloud
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements.lock ./
RUN python3 -m pip --python /opt/glasscloud/bin/python install --only-binary :all: --require-hashes -r requirements.lock
COPY . .
RUN python3 -m pip --python /opt/glasscloud/bin/python install --no-deps --no-build-isolation --no-index .
RUN mkdir -p /opt/glasscloud/share/glasscloud \
    && cp -r docs/lessons server/images.toml /opt/glasscloud/share/glasscloud/ \
    && /opt/glasscloud/bin/python -m server index && chmod -R a+rX /opt/glasscloud/share
# Remove botocore's data for other services and the build tools: they are not needed at run time.
RUN cd /opt/glasscloud/lib/python3*/site-packages \
    && find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name ec2 -exec rm -r {} + \
    && rm -r setuptools setuptools-*.dist-info _distutils_hack distutils-precedence.pth

FROM ${BASE_IMAGE}
# nft and tc set firewall rules and rate limits for instances; only vmhost has the rights to use them.
RUN apt-get update && apt-get install -y --no-install-recommends iproute2 nftables \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin glasscloud
COPY --from=build /opt/glasscloud /opt/glasscloud
ENV PATH=/opt/glasscloud/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER glasscloud
# One check for every role: the command that starts a program sets the address of its health page.
ENV GLASSCLOUD_HEALTH=http://127.0.0.1:8080/healthz
HEALTHCHECK --interval=2s --timeout=3s --retries=15 --start-period=60s CMD ["python", "-IS", "-c", "\
import http.client as h, os, urllib.parse as p; u = p.urlsplit(os.environ['GLASSCLOUD_HEALTH']); \
c = h.HTTPConnection(u.hostname, u.port, timeout=2); c.request('GET', u.path); \
raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "client"]
CMD ["--help"]
