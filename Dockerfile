# The platform's image: one for Dagster's web server, its daemon, the code server and the runs.
# tests/deploy runs these steps in an empty folder, so every path of ours begins with ROOT.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS build
ARG ROOT=/opt/softcart
WORKDIR $ROOT
ENV UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
COPY stack/setup.lock requirements.lock pyproject.toml source/
RUN python -m pip install --quiet --no-cache-dir --require-hashes --no-deps --target uv -r source/setup.lock
# What the product needs, in the versions and with the hashes of the lock; nothing of it is compiled.
RUN uv/bin/uv venv --quiet --no-project --python "$(command -v python)" venv \
    && uv/bin/uv pip install --quiet --no-cache --python venv/bin/python -r source/pyproject.toml \
    --extra kubernetes --constraints source/requirements.lock --build-constraints source/setup.lock
COPY . source/
RUN uv/bin/uv pip install --quiet --no-cache --python venv/bin/python --no-deps \
    --build-constraints source/stack/setup.lock ./source
COPY deploy/dagster.yaml dagster/
COPY deploy/docker/workspace.yaml ./
# dbt's project is parsed here, so that no process that loads the definitions has to import dbt.
RUN mkdir exports state \
    && venv/bin/python -c "import definitions" \
    && rm -rf source uv

FROM python:${PYTHON}-slim-bookworm
ARG ROOT=/opt/softcart
# Java is Spark's. Without it (--build-arg JAVA=) the search analytics need SOFTCART_SPARK_MASTER=sc://….
ARG JAVA=default-jre-headless
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini $JAVA \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 softcart \
    && useradd --uid 10001 --gid softcart --no-create-home --home-dir /opt/softcart/state softcart
COPY --from=build --chown=10001:10001 $ROOT $ROOT
WORKDIR $ROOT
ENV PATH=$ROOT/venv/bin:$PATH \
    DAGSTER_HOME=$ROOT/dagster \
    SOFTCART_HOME=$ROOT/state \
    SOFTCART_EXPORTS=$ROOT/exports \
    DAGSTER_DISABLE_TELEMETRY=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 4000
ENTRYPOINT ["tini", "--"]
CMD ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", "4000", "--module-name", "definitions"]
