# HedgeLock in a container: one daemon, not root, nothing to write to but /data and a small /tmp.
#   docker build -t hedgelock .
#   docker run --rm -it --network host --read-only --tmpfs /tmp -v hedgelock:/data hedgelock
# Without a setting it runs in paper mode. The dashboard listens on 127.0.0.1:8009 of whatever network the container is given;
# with --network host that is the host's own loopback and nobody else's.
# For a release, pin the base by digest: FROM python:3.11-slim-bookworm@sha256:...

FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/hedgelock
COPY requirements.lock ./
RUN python -m venv venv \
    && venv/bin/python -m pip --require-virtualenv install -qq --no-cache-dir --only-binary :all: --no-deps --require-hashes -r requirements.lock \
    && venv/bin/python -m pip uninstall -qq -y pip setuptools
COPY bot bot
COPY scripts/kill_switch.py scripts/kill_switch.py
COPY scripts/kill scripts/kill
# Compiled here, because the finished image may be read-only.
RUN venv/bin/python -m compileall -q -j 0 bot venv/lib

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 hedgelock \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin hedgelock \
    && install -d -o hedgelock -g hedgelock -m 0700 /data
COPY --from=build /opt/hedgelock /opt/hedgelock
ENV PATH=/opt/hedgelock/venv/bin:$PATH \
    PYTHONPATH=/opt/hedgelock \
    PYTHONDONTWRITEBYTECODE=1 \
    HEDGELOCK__JOURNAL__PATH=/data/{mode}/journal.sqlite
USER hedgelock
WORKDIR /data
VOLUME /data
EXPOSE 8009 9096
STOPSIGNAL SIGTERM
# The second port, whose line is its own: whatever crowds the dashboard, this is answered. Where there is none (0), the dashboard's.
HEALTHCHECK --interval=30s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-c", "import os, urllib.request as web; port = lambda name, usual: os.environ.get('HEDGELOCK__WEB__' + name, '') or usual; side = port('METRICS_PORT', '9096'); web.urlopen('http://127.0.0.1:' + (port('PORT', '8009') if side == '0' else side) + '/health', timeout=2)"]
# Process 1 is the daemon itself: it takes SIGTERM and buries its own children (the dashboard's process, paper mode's venue). docker run --init, or
# init: true in compose, puts a tini in front, which costs nothing and buries whatever a `docker exec` leaves behind.
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
