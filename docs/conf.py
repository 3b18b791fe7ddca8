"""The documentation as a site: ``pip install ".[docs]" && sphinx-build -W docs build``.

The pages here are plain Markdown and stay readable without the site. What is made from the code
(`pages.py`: a page for every public name, the command line, which page belongs where) is written
into folders that git does not see. Nothing is fetched from anywhere.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
os.environ.setdefault("MPLBACKEND", "Agg")

from numpydoc.xref import DEFAULT_LINKS  # noqa: E402
from versions import theme_options  # noqa: E402

import exactspline  # noqa: E402

project = "exactspline"
author = "The exactspline developers"
copyright = author
version = release = exactspline.__version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "matplotlib.sphinxext.plot_directive",
    "pages",
]
exclude_patterns = ["**/README.md", "examples/**/*.ipynb", "examples/**/*.py"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
default_role = "py:obj"  # `count_regions` in docstrings leads to its page
smartquotes = False  # --box is an option
nitpicky = False  # types in docstrings are words, not references
suppress_warnings = ["config.cache"]  # settings hold functions

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "groupwise"
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # the docstrings say them
numpydoc_show_class_members = False  # autodoc writes members out
numpydoc_class_members_toctree = False
DEFAULT_LINKS.clear()  # they lead to other sites
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"  # but what is public here
numpydoc_xref_aliases = {name: f"exactspline.{name}" for name in exactspline.__all__}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

plot_formats = [("png", 110)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = True
plot_rcparams = {"figure.figsize": (4.6, 3.4), "font.size": 9}
plot_apply_rcparams = True
plot_pre_code = "import matplotlib.pyplot as plt\nimport numpy as np\n\nimport exactspline as es\n"

sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples" / "gallery"),
    "gallery_dirs": "examples",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "doc_module": ("exactspline",),
    "backreferences_dir": "examples/uses",
    "reset_modules": ("matplotlib",),
    "capture_repr": ("_repr_html_", "__repr__"),
}

html_theme = "pydata_sphinx_theme"
html_title = f"exactspline {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    **theme_options(),
}
# one page a name: the list of all of them in every sidebar would be most of the site
bare = ("index", "concepts", "project/changelog", "reference/**")
html_sidebars = {page: [] for page in bare}
