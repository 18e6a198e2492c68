"""The look: ink on warm paper, and the red of a seal. Colours and type; the layout's rules are in assets/style.css."""

from gradio.themes import Base
from gradio.themes.utils.colors import Color
from gradio.themes.utils.fonts import LocalFont
from gradio.themes.utils.sizes import Size

SEAL = Color(
    name="seal", c50="#fdf3f0", c100="#fbe3dc", c200="#f6c6b9", c300="#ee9f8c", c400="#e3765d", c500="#d2553c",
    c600="#b9412c", c700="#973324", c800="#7a2b21", c900="#64271f", c950="#37110c",
)  # fmt: skip
PAPER = Color(
    name="paper", c50="#fbf9f4", c100="#f5f1e8", c200="#e8e2d4", c300="#d3cab8", c400="#a59b89", c500="#6c655a",
    c600="#5a544b", c700="#3d3a36", c800="#26262a", c900="#1b1c21", c950="#131419",
)  # fmt: skip
RADIUS = Size(name="seal", xxs="2px", xs="4px", sm="6px", md="10px", lg="14px", xl="18px", xxl="24px")
CHINESE = ("PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "sans-serif")


def theme() -> Base:
    """The theme, light and dark."""
    look = Base(
        primary_hue=SEAL,
        secondary_hue=SEAL,
        neutral_hue=PAPER,
        radius_size=RADIUS,
        font=(LocalFont("IBM Plex Sans", (400, 700)), "system-ui", *CHINESE),
        font_mono=(LocalFont("IBM Plex Mono", (400,)), "ui-monospace", *CHINESE),
    )
    look._font_css.append(LocalFont("Lora", (400, 600)).stylesheet()["css"])  # captions and headings, in style.css
    return look.set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_800",
        body_text_color_dark="*neutral_200",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="*neutral_50",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_950",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_title_text_weight="700",
        block_title_text_size="*text_sm",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="*neutral_300",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        block_padding="0px",
        form_gap_width="0px",
        layout_gap="18px",
        input_background_fill="white",
        input_background_fill_dark="*neutral_800",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark="*primary_500",
        input_shadow_focus="0 0 0 3px rgb(210 85 60 / 0.18)",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="*neutral_200",
        button_secondary_background_fill_hover_dark="*neutral_800",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_border_width="1px",
        button_large_text_weight="700",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_600",
        checkbox_border_color_selected="*primary_600",
        checkbox_border_color_selected_dark="*primary_600",
        checkbox_label_background_fill="transparent",
        checkbox_label_background_fill_dark="transparent",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_label_background_fill_selected_dark="*primary_950",
        checkbox_label_text_color_selected="*primary_700",
        checkbox_label_text_color_selected_dark="*primary_300",
        checkbox_label_border_width="1px",
        checkbox_label_border_color="*neutral_300",
        checkbox_label_border_color_dark="*neutral_700",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_400",
    )
