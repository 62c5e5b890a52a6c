# One image for web, worker, beat and migrate; what it runs is the command it is given.
FROM python:3.11-slim AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src

# The locked packages first: this layer changes only when the lock does.
COPY requirements-server.lock requirements-build.lock ./
RUN python -m venv /opt/doorstep \
 && /opt/doorstep/bin/pip install --require-hashes --requirement requirements-server.lock \
 && python -m venv /opt/workshop \
 && /opt/workshop/bin/pip install --require-hashes --requirement requirements-build.lock

COPY pyproject.toml README.md celeryconfig.py ./
COPY app app
COPY templates templates
COPY migrations migrations
RUN /opt/workshop/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/doorstep/bin/pip install --no-deps /dist/*.whl


FROM python:3.11-slim

RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/doorstep --shell /usr/sbin/nologin doorstep
COPY --from=build /opt/doorstep /opt/doorstep

ENV PATH=/opt/doorstep/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DOORSTEP_HOME=/var/lib/doorstep

USER doorstep
WORKDIR /var/lib/doorstep
VOLUME /var/lib/doorstep
EXPOSE 8080

# Of the web process; worker and beat state their own in docker-compose.yml.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]

CMD ["uvicorn", "--factory", "app.web.main:create_app", "--host", "0.0.0.0", "--port", "8080", "--http", "app.web.patience:BoundedProtocol", "--timeout-keep-alive", "75", "--no-access-log", "--no-server-header"]
