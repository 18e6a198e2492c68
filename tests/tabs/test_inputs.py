"""A picture is a file that its visitor uploaded, and none of the server's own."""

from pathlib import Path

import gradio as gr
import pytest
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder

from pipelines.outputs import short_name
from tabs.inputs import Picture


@pytest.mark.parametrize("path", [__file__, "/etc/passwd", str(Path(get_upload_folder()) / "../../etc/passwd")])
def test_a_file_that_nobody_uploaded_is_refused(path):
    with pytest.raises(gr.Error, match="not in the cache"):
        Picture(type="filepath").preprocess(ImageData(path=path))


def test_an_uploaded_file_is_handed_on_as_it_is():
    path = str(Path(get_upload_folder()) / "0123" / "picture.png")
    assert Picture(type="filepath").preprocess(ImageData(path=path)) == path
    assert Picture(type="filepath").preprocess(None) is None


@pytest.mark.parametrize("name", ["tiny-sd", "segmind/tiny-sd", "segmind/tiny-sd@refs/pr/3"])
def test_a_model_is_called_by_its_own_name(name):
    assert short_name(name) == "tiny-sd"
