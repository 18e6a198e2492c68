# The page in a container: docker build -t tuwen . && docker run -p 7860:7860 tuwen
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 tuwen
WORKDIR /home/tuwen/app
COPY requirements.txt constraints.txt ./
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
    --requirement requirements.txt --constraint constraints.txt
COPY --chown=tuwen app.py README.md LICENSE ./
COPY --chown=tuwen pipelines pipelines
COPY --chown=tuwen tabs tabs
COPY --chown=tuwen assets assets
COPY --chown=tuwen weights weights
USER tuwen
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860', timeout=5)"]
CMD ["python", "app.py", "--no-hub"]
