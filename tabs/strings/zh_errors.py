"""What pipelines/errors.py says in English, in 简体中文."""

SENTENCES = {
    "prompt_empty": "提示词是空的。请描述你想看到什么，例如：一朵花心深色的黄花。",
    "prompt_long": "提示词有 {length} 个字符，最多 {limit} 个。请写短一些。",
    "prompt_language": "模型只懂中文和英文。请用其中一种写提示词。",
    "num_images": "图片张数必须是 1 到 {limit} 的整数；现在是 {value}。",
    "seed": "种子必须是 0 到 {limit} 的整数；现在是 {value}。",
    "num_beams": "束宽必须是 1 到 {limit} 的整数；现在是 {value}。",
    "num_captions": "描述条数必须是 1 到束宽（{limit}）的整数；现在是 {value}。",
    "language": "描述只能用英文（en）或中文（zh）；“{value}”两者都不是。",
    "num_inference_steps": "步数必须是 1 到 {limit} 的整数；现在是 {value}。",
    "top_p": "核采样的份额必须是 {least:g} 到 {limit:g} 的数；现在是 {value}。",
    "guidance_scale": "引导强度必须是 {least:g} 到 {limit:g} 的数；现在是 {value}。",
    "scheduler": "没有采样器“{value}”。可选的有：{known}。",
    "size": "尺寸必须是整数像素，最多 {limit}；现在是 {value}。",
    "size_multiple": "尺寸 {value} 不适合这个模型。请选 {unit} 的倍数。",
    "size_memory": "{value} 像素的图片大约要 {needed} MB 内存，现在空闲 {free} MB。请选小一些的尺寸。",
    "memory_budget": (
        "“{name}”大约要 {needed} MB 内存，可用的是 {free} MB。请关闭其他程序，调高 --memory-budget，或选小一些的模型。"
    ),
    "out_of_memory": "内存不够同时生成 {count} 张图片：还需要 {needed}，空闲 {free} MB。请减少张数或缩小尺寸。",
    "num_loops": "来回次数必须是 1 到 {limit} 的整数；现在是 {value}。",
    "contenders": "请至少选一个模型。",
    "grid_cells": "请填 1 到 {limit} 格：引导强度和步数都要有，数字之间用逗号隔开。",
    "model_unnamed": "请选一个预训练模型，或输入它在 Hub 上的名称。",
    "model_not_offered": "这里不能用“{name}”。可以用的有：{known}。",
    "folder_missing": "没有文件夹“{name}”。",
    "pipeline_missing": (
        "“{name}”不是 diffusers 管线：里面没有 model_index.json。请给出文生图管线的文件夹或 Hub 名称。"
    ),
    "pipeline_incomplete": "管线“{name}”不完整：{path} 有问题。请重新下载。",
    "pipeline_pickled": "“{name}”的“{path}”只有 pickle 权重，其中可能藏有有害代码。请选带 safetensors 的版本。",
    "setting_unknown": "模型“{model}”没有“{setting}”这个设置。",
    "image_missing": "还没有图片。请上传、粘贴或拍一张。",
    "image_unreadable": "“{name}”不能作为图片读取。请用能在别处打开的 PNG、JPEG、WebP、GIF、BMP 或 TIFF 文件。",
    "image_empty": "“{name}”是空文件（0 字节）。请换一个文件。",
    "image_large": "“{name}”超过 {limit} 百万像素。请先缩小。",
    "file_missing": "没有文件“{name}”。",
    "model_unknown": "没有模型“{name}”。自带的模型有：{known}。",
    "model_offline": "“{name}”不在这台电脑上，也连不上 Hugging Face Hub。自带的模型有：{known}。",
    "model_kind": "“{name}”里没有可用于 {task} 的 safetensors 权重模型。请另选一个。",
    "num_frames": "帧数必须是 2 到 {limit} 的整数，现在是 {value}。",
    "batch_empty": "这些文件里没有图片。请给出图片、文件夹，或图片的 zip。",
    "batch_many": "共有 {count} 张图片；一次最多描述 {limit} 张。请减少一些。",
    "zip_path": "zip 里的“{name}”指向压缩包之外。请用普通文件名重新打包。",
    "zip_large": "这个 zip 解开后超过 {limit} GB，或其中有超过 {file} MB 的文件。请少打包一些，或把图片缩小。",
    "out_file": "“{name}”是一个文件。请给出存放图片的文件夹。",
    "zip_broken": "“{name}”无法解压。请重新打包，不要加密码。",
    "existing": "已有的描述可以选择：{known}；“{value}”不在其中。",
    "export": "描述可以导出为 {known}；“{value}”不在其中。",
    "recipe_missing": "“{name}”里没有设置。请用从这里下载的 PNG 原文件：经过其他程序后设置可能丢失。",
    "recipe_broken": "“{name}”里的设置无法读取。请用从这里下载的 PNG 原文件。",
    "data_empty": "“{name}”里没有能读取的图片。",
    "split_empty": (
        "没有可用的图片：所要的划分是空的，或其中的图片没有描述。`python -m training.report FOLDER` 可显示里面有什么。"
    ),
    "folds_range": "没有 {folds} 份中的第 {fold} 份。交叉验证至少分成 2 份，从 0 数起。",
    "folds_stopped": (
        "交叉验证停在 {folds} 份中的第 {fold} 份（从 0 数起）。在同一命令后加上 --resume 可接着进行。"
    ),
    "setting_least": "--{name} 必须至少是 1；现在是 {value}。",
    "picture_size": "没有用于 {value} 像素图片的网络。--image_size 可以是：{known}。",
    "data_one": "“{name}”里只有一张能读取的图片。训练至少要两张，有几百张才学得好。",
    "data_none_there": (
        "“{name}”列出的 {count} 张图片一张也找不到。请把图片放在它旁边，或用 --pictures 指明文件夹。"
    ),
    "data_columns": "“{name}”没有 image 这一列；它的列有：{known}。请选一个图片数据集。",
    "metadata_row": (
        "“{name}”的第 {row} 行无法读取。请每行写一个带 file_name 的 JSON 对象，或用带 file_name 列的 CSV。"
    ),
    "metadata_missing": "“{name}”没有元数据。请先准备：python -m training.prepare SOURCE --out FOLDER。",
    "image_shape": (
        "“{name}”是 {width} × {height} 像素。图片每边至少要 {least} 像素，长边最多是短边的 {ratio} 倍。"
    ),
    "source_kind": "“{name}”不能用来准备数据。请给出文件夹、Hub 数据集，或这些文件之一：{known}。",
    "coco_broken": "“{name}”不是 COCO 描述文件。它需要带 id 和 file_name 的 images，以及 annotations。",
    "tar_path": "tar 里的“{name}”指向压缩包之外。请用普通文件名重新打包。",
    "tar_large": "这个 tar 太大：最多读取 {files} 个文件，共 {limit} GB，每个 {file} MB。请分成几个。",
    "tar_broken": "“{name}”不能作为 tar 读取。请不要压缩，重新打包。",
    "out_in_source": "“{name}”和来源“{source}”互相包含。请指定别处的文件夹。",
    "out_taken": "“{name}”里已有其他文件。请指定新的或空的文件夹。",
    "out_changed": "“{name}”准备好之后，里面的描述被改动过，重做会丢失。请指定新文件夹，或先删除它。",
    "disk_full": "磁盘没有空间写“{name}”了。什么也没有改动；请腾出空间再试。",
    "shares": "验证集和测试集的比例必须在 0 到 1 之间，并给训练留一部分。",
    "floor": "最低置信度必须是 0 到 1 的数；现在是 {value}。",
    "preset_unknown": "没有预设“{value}”。可选的有：{known}。",
    "data_outside": "“{name}”在数据文件夹之外。只能列出元数据所在文件夹里的文件。",
    "data_unknown": "“{name}”既不是文件夹，也不是能从 Hugging Face Hub 载入的数据集。",
    "not_shared": "只有扩散模型的权重可以由多个进程分担（FSDP）。请改用 deploy/accelerate/gpus.yaml 启动这个训练。",
    "tracker_missing": "没有安装“{name}”。请用 `pip install {name}` 安装，或换一个 --report_to。",
    "no_translations": "“{folder}”里没有 {file}。请给出它所在的文件夹，或去掉 --text。",
    "no_bilingual_test": (
        "测试集里没有一张图片兼有英文和中文说明，无法评估编码器。请在文件夹里补上一些，"
        "或用 --text 给出测试图片说明的译文所在的文件夹。"
    ),
    "run_exists": "“{folder}”里已有一次训练，停在 {state}。加上 --resume 可接着训练，或换一个 --output_dir。",
    "resume_differs": (
        "“{folder}”里的训练停在第 {step} 步，开始时的设置不同：{settings}。请给出开始时的设置，或换一个 --output_dir。"
    ),
    "states_differ": "各进程在“{folder}”里找到的状态不同：{states}。所有机器要共用同一个 --output_dir。",
    "state_unreadable": (
        "“{folder}”里的 {name} 无法读取：{reason}。请删除它以从前一个状态继续，或换一个 --output_dir。"
    ),
    "state_unwritable": (
        "{name} 无法保存到“{folder}”：{reason}。请腾出空间或换一个 --output_dir。"
        "上一个完整的状态 {kept} 没有变动：--resume 从它继续。"
    ),
    "diverged": (
        "训练发散了：第 {step} 步的 {what} 不是有限的数。请重新开始，用更低的 --learning_rate、"
        "更多的 --lr_warmup_steps 或 --mixed_precision no。"
        "没有保存损坏的结果；“{folder}”里最后一个完好的状态是 {kept}。"
    ),
    "init_missing": "“{name}”不是可以接着训练的模型文件夹：其中没有 {path}。",
    "init_differs": "不能从 --init_from “{name}”继续：其中是 {found}，而要训练的是 {wanted}。请另选一个。",
    "init_unreadable": "--init_from “{name}”里的网络无法载入：{reason}。请另选一个。",
    "hub_push": (
        "“{folder}”里的模型已训练好，但无法推送到“{name}”：{reason}。请用 `hf auth login` 登录，"
        "再用 `hf upload --private {name} {folder}` 推送。"
    ),
    "train_off": "这里没有开放训练。启动页面时加上 --allow-training。",
    "train_preset": "没有训练方案“{value}”。",
    "train_folders_off": "这个页面向别人开放，不能选择文件夹。请用示例图集。",
    "train_folder_unnamed": "请输入文件夹的路径，里面要有带描述的图片。",
    "concepts_none": "没有一个物体、属性或动作出现在 {count} 张图片的描述里。请给更多图片，或调低 --min_count。",
    "train_captions": "“{name}”里没有带描述、可以训练的图片。请用“批量描述”写好，把 metadata.jsonl 放进去。",
    "train_validation": (
        "“{name}”里没有用来检验的图片。请在 metadata.jsonl 里给几张图片写上 \"split\": \"validation\"。"
    ),
    "train_busy": "训练“{name}”正在进行。一次只能训练一个：请等它结束，或先暂停。",
    "train_unknown": "没有训练“{name}”。",
    "train_nothing": "训练“{name}”现在没有可以载入的权重。",
    "train_refused": "这样不能训练：{line}",
    "train_refused_here": "这里不能这样训练。运行这个页面的人可以在日志里找到原因。",
    "train_remove_off": "这个页面向别人开放，不能在这里删除训练。",
    "weights_missing": "缺少“{name}”的权重：没有文件 {path}。请连同权重重新克隆项目，或用 `make weights` 训练。",
    "weights_mismatch": "“{name}”的权重是与另一个“{other}”一起训练的。请从项目的同一版本恢复这两者。",
    "weights_corrupted": "“{name}”的权重已损坏：{path} 与校验和不符。请从项目中恢复该文件。",
}
