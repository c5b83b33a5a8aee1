# An image of the project: the package, its configuration, and all libraries in the versions of requirements.lock.
#   docker build -t emb-pipeline .
#   docker build -t emb-pipeline:gpu --build-arg TORCH_INDEX=ADDRESS .
# Results and raw files are in /project/data: mount a volume there. docs/batch/image.md says more.

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# The index of pip that has another build of torch than the usual one: for processors alone, or for a version of CUDA.
# PyTorch's page of installation names them.
ARG TORCH_INDEX=
ARG EXTRAS=base,contextual,recommendation,stemming,documents,sql,hf,milvus,s3,postgres
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /build
COPY requirements.lock ./
RUN python -m pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' requirements.lock)"
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m pip install --constraint requirements.lock ".[$EXTRAS]"
RUN python -m emb_pipeline.precompile

FROM python:${PYTHON}-slim
# libgomp: threads of numerical libraries
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 1000 --create-home emb && mkdir -p /project/src /project/data && chown -R emb:emb /project
COPY --from=build --chown=emb:emb /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    DO_NOT_TRACK=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    KEDRO_LOGGING_CONFIG=/project/conf/logging.yml \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /project
COPY --chown=emb:emb pyproject.toml ./
COPY --chown=emb:emb conf conf
USER emb
CMD ["kedro", "run", "--help"]
