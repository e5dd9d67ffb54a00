# kcheck in a container: docker build -t kcheck . && docker run --rm -v "$PWD:/work" kcheck run model.keras --data x.npy
FROM python:3.12-slim-bookworm
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY keras_consistency_cli ./keras_consistency_cli
RUN pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt '.[tables,images]' \
    && useradd --create-home kcheck
USER kcheck
WORKDIR /work
ENV TF_CPP_MIN_LOG_LEVEL=2
ENTRYPOINT ["kcheck"]
CMD ["--help"]
