"""Every sentence that a user can be told when the input is wrong, in one table keyed by a code.

The English sentence is the exception's text; the page looks the code up in its own table for other languages.
"""

SENTENCES = {
    "prompt_empty": (
        "The prompt is empty. Describe what you want to see, for example: a yellow flower with a dark "
        "centre."
    ),
    "prompt_long": "The prompt has {length} characters; at most {limit} are used. Shorten it.",
    "prompt_language": "The models know English and Chinese. Write the prompt in one of them.",
    "num_images": "The number of pictures must be a whole number from 1 to {limit}; it is {value}.",
    "seed": "The seed must be a whole number from 0 to {limit}; it is {value}.",
    "num_beams": "The number of beams must be a whole number from 1 to {limit}; it is {value}.",
    "num_captions": (
        "The number of captions must be a whole number from 1 to the number of beams ({limit}); it is "
        "{value}."
    ),
    "language": "Captions are written in English (en) or Chinese (zh); '{value}' is neither.",
    "num_inference_steps": "The number of steps must be a whole number from 1 to {limit}; it is {value}.",
    "top_p": "The share of nucleus sampling must be a number from {least:g} to {limit:g}; it is {value}.",
    "guidance_scale": "The guidance must be a number from {least:g} to {limit:g}; it is {value}.",
    "scheduler": "There is no scheduler '{value}'. The ones to choose from are: {known}.",
    "size": "The size must be a whole number of pixels, at most {limit}; it is {value}.",
    "size_multiple": "The size {value} does not fit this model. Choose a multiple of {unit} pixels.",
    "size_memory": (
        "Pictures of {value} pixels need about {needed} MB of memory, and {free} MB are free. Choose a smaller size."
    ),
    "memory_budget": (
        "'{name}' needs about {needed} MB of memory, and {free} MB may be used. Close other programs, raise "
        "--memory-budget, or choose a smaller model."
    ),
    "out_of_memory": (
        "The memory is too small for {count} pictures at once: {needed} more were needed, {free} MB are free. Make "
        "fewer or smaller pictures."
    ),
    "setting_unknown": "The model '{model}' has no setting '{setting}'.",
    "image_missing": "There is no picture. Upload, paste or photograph one.",
    "image_unreadable": (
        "'{name}' can't be read as a picture. Use a PNG, JPEG, WebP, GIF, BMP or TIFF file that opens "
        "elsewhere."
    ),
    "image_empty": "'{name}' is empty (0 bytes). Choose another file.",
    "image_large": "'{name}' has more than {limit} million pixels. Make it smaller first.",
    "file_missing": "There is no file '{name}'.",
    "model_unknown": "There is no model '{name}'. The built-in ones are: {known}.",
    "model_offline": (
        "'{name}' is not on this computer, and the Hugging Face Hub can't be reached. The built-in models "
        "are: {known}."
    ),
    "model_kind": "'{name}' holds no model for {task} with safetensors weights. Choose another one.",
    "num_frames": "The number of frames must be a whole number from 2 to {limit}; it is {value}.",
    "num_loops": "The number of loops must be a whole number from 1 to {limit}; it is {value}.",
    "contenders": "Choose at least one model.",
    "grid_cells": "Ask for 1 to {limit} pictures: some guidances and some steps, with commas between the numbers.",
    "model_unnamed": "Choose a pretrained model, or type its id on the Hub.",
    "model_not_offered": "'{name}' can't be used here. What can: {known}.",
    "folder_missing": "There is no folder '{name}'.",
    "pipeline_missing": (
        "'{name}' is no diffusers pipeline: it has no model_index.json. Name a folder or Hub id of a text-to-image "
        "pipeline."
    ),
    "pipeline_incomplete": (
        "The pipeline '{name}' is incomplete: something is wrong with {path}. Download it again."
    ),
    "pipeline_pickled": (
        "The part '{path}' of '{name}' has pickled weights only, which can hold harmful code. Choose a version with "
        "safetensors."
    ),
    "batch_empty": "There is no picture among the files. Give pictures, a folder or a zip of them.",
    "batch_many": "There are {count} pictures; at most {limit} are described at once. Give fewer.",
    "zip_path": "The zip holds '{name}', which points out of it. Pack the pictures anew, with plain names.",
    "zip_large": (
        "The zip would unpack to more than {limit} GB, or holds a file of more than {file} MB. Pack fewer or smaller "
        "pictures."
    ),
    "out_file": "'{name}' is a file. Name a folder for the pictures.",
    "zip_broken": "'{name}' can't be unpacked. Pack it anew, without a password.",
    "existing": "Existing captions can be: {known}; '{value}' is none of these.",
    "export": "Captions are written as {known}; '{value}' is none of these.",
    "recipe_missing": (
        "'{name}' holds no settings. Take a PNG as it was downloaded here: other programs that it went through may "
        "have removed them."
    ),
    "recipe_broken": "The settings in '{name}' can't be read. Take the PNG as it was downloaded here.",
    "data_empty": "There is no readable picture in '{name}'.",
    "split_empty": (
        "No picture is left: the split asked for is empty, or its pictures have no captions. `python -m "
        "training.report FOLDER` shows what there is."
    ),
    "folds_range": "There is no part {fold} of {folds}. Cross-validation takes 2 parts or more, counted from 0.",
    "folds_stopped": (
        "The cross-validation was stopped in part {fold} of {folds}, counted from 0. Give the same command with "
        "--resume to go on with it."
    ),
    "setting_least": "--{name} must be 1 or more; it is {value}.",
    "picture_size": "There is no network for pictures of {value} pixels. --image_size can be: {known}.",
    "data_one": "'{name}' holds only one readable picture. Training needs at least two, and learns from hundreds.",
    "data_none_there": (
        "None of the {count} pictures that '{name}' names is there. Put them beside it, or name their folder with "
        "--pictures."
    ),
    "data_columns": "'{name}' has no column 'image'; its columns are: {known}. Choose a data set of pictures.",
    "metadata_row": (
        "Row {row} of '{name}' can't be read. Write a JSON object with file_name on every line, or a CSV with a column "
        "file_name."
    ),
    "metadata_missing": "'{name}' has no metadata. Prepare it first: python -m training.prepare SOURCE --out FOLDER.",
    "image_shape": (
        "'{name}' has {width} × {height} pixels. Pictures need at least {least} on each side, and one side at most "
        "{ratio} times the other."
    ),
    "source_kind": "'{name}' can't be prepared. Give a folder, a Hub data set or one of these files: {known}.",
    "coco_broken": "'{name}' is no file of COCO captions. It needs images with id and file_name, and annotations.",
    "tar_path": "The tar holds '{name}', which points out of it. Pack the pictures anew, with plain names.",
    "tar_large": (
        "The tar is too large: at most {files} files, {limit} GB in all and {file} MB each are read. Split it into "
        "several."
    ),
    "tar_broken": "'{name}' can't be read as a tar. Pack it anew, without compression.",
    "out_in_source": "'{name}' and the source '{source}' lie in one another. Name a folder elsewhere.",
    "out_taken": "'{name}' holds other files already. Name a new or empty folder.",
    "out_changed": (
        "The captions in '{name}' were changed after it was prepared, and would be lost. Name a new folder, or remove "
        "this one."
    ),
    "disk_full": "The disk has no room left for '{name}'. Nothing was changed; free some space and try again.",
    "shares": "The shares of validation and test must be from 0 to 1, with some left for training.",
    "floor": "The least confidence must be a number from 0 to 1; it is {value}.",
    "preset_unknown": "There is no preset '{value}'. The ones to choose from are: {known}.",
    "data_outside": "'{name}' lies outside the data folder. List only files below the folder of the metadata.",
    "data_unknown": "'{name}' is neither a folder nor a data set that can be loaded from the Hugging Face Hub.",
    "not_shared": (
        "Only the diffusion model's weights can be shared among processes (FSDP). Launch this training with "
        "deploy/accelerate/gpus.yaml instead."
    ),
    "tracker_missing": (
        "'{name}' is not installed. Install it with `pip install {name}`, or choose another --report_to."
    ),
    "no_translations": "There is no {file} in '{folder}'. Name the folder that holds it, or leave --text out.",
    "no_bilingual_test": (
        "No picture of the test split has captions in English and in Chinese, so that the encoder could not be judged. "
        "Add some to the folder, or name a folder of translations of its test pictures' captions with --text."
    ),
    "run_exists": (
        "'{folder}' already holds a run, at {state}. Add --resume to go on with it, or choose another --output_dir."
    ),
    "resume_differs": (
        "The run in '{folder}' stands at step {step} and was begun otherwise: {settings}. Give what it was begun with, "
        "or choose another --output_dir."
    ),
    "states_differ": (
        "The processes find different states in '{folder}': {states}. All machines need one shared --output_dir."
    ),
    "state_unreadable": (
        "{name} in '{folder}' can't be read: {reason}. Remove it to go on from the state before it, or choose another "
        "--output_dir."
    ),
    "state_unwritable": (
        "{name} can't be saved in '{folder}': {reason}. Make room or choose another --output_dir. The last whole "
        "state, {kept}, is untouched: --resume goes on from it."
    ),
    "diverged": (
        "The training diverged: at step {step} the {what} is not a finite number. Begin again with a lower "
        "--learning_rate, more --lr_warmup_steps or --mixed_precision no. Nothing broken was saved; the last good "
        "state in '{folder}' is {kept}."
    ),
    "init_missing": "'{name}' is no folder to start from: it has no {path}.",
    "init_differs": (
        "--init_from '{name}' can't be gone on from: it holds {found}, and {wanted} is trained. Choose another one."
    ),
    "init_unreadable": "The network in --init_from '{name}' can't be loaded: {reason}. Choose another one.",
    "hub_push": (
        "The checkpoint in '{folder}' is finished, and could not be pushed to '{name}': {reason}. Log in with `hf auth "
        "login`, then push it with `hf upload --private {name} {folder}`."
    ),
    "train_off": "Training is off here. Start the page with --allow-training.",
    "train_preset": "There is no training '{value}'.",
    "train_folders_off": "This page is open to others, so that no folder can be chosen. Take the sample set.",
    "train_folder_unnamed": "Type the path of a folder with captioned pictures.",
    "concepts_none": (
        "No object, attribute or action is named in {count} pictures. Give more pictures, or a lower --min_count."
    ),
    "train_captions": (
        "No picture in '{name}' has a caption to train on. Write captions with Batch, and put its metadata.jsonl there."
    ),
    "train_validation": (
        "No picture in '{name}' is kept to check with. Give some of them \"split\": \"validation\" in metadata.jsonl."
    ),
    "train_busy": "The training '{name}' is going on. There is one at a time: wait for its end, or pause it.",
    "train_unknown": "There is no training '{name}'.",
    "train_nothing": "The training '{name}' has no weights that can be loaded now.",
    "train_refused": "This can't be trained: {line}",
    "train_refused_here": "This can't be trained here. Whoever runs this page finds the reason in its log.",
    "train_remove_off": "This page is open to others, so that no training can be deleted here.",
    "weights_missing": (
        "The weights of '{name}' are missing: there is no file {path}. Clone the project again with its "
        "weights, or train them with `make weights`."
    ),
    "weights_corrupted": (
        "The weights of '{name}' are damaged: {path} does not match its checksum. Restore that file from the "
        "project."
    ),
    "weights_mismatch": (
        "The weights of '{name}' were trained beside another '{other}'. Restore both from one version of the "
        "project."
    ),
}


class InputError(ValueError):
    """What a user can get wrong, said in a sentence that tells what to do. `code` and `values` allow translation."""

    def __init__(self, code: str, **values):
        super().__init__(SENTENCES[code].format(**values))
        self.code = code
        self.values = values
