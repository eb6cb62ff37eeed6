"""Sphinx extension: a chapter opens with its best picture, that of the cell tagged ``opening``.

It is the same file as the figure below, and leads there.
"""
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class Opening(SphinxPostTransform):
    """Put a copy of the picture behind the first paragraph."""

    default_priority = 300  # after the notebook's outputs have become pictures

    def run(self, **options: object) -> None:
        """Change a page that has such a cell, and no other."""
        for cell in self.document.findall(nodes.container):
            if "tag_opening" in cell["classes"]:
                figure = next(cell.findall(nodes.figure))
                (name,) = figure["ids"]
                numbers = self.env.toc_fignumbers[self.env.docname]["figure"]
                number = ".".join(map(str, numbers[name]))
                picture = nodes.reference("", "", next(figure.findall(nodes.image)).deepcopy(),
                                          refid=name, reftitle=f"Figure {number}, below")
                first = next(self.document.findall(nodes.paragraph))
                place = first.parent.index(first) + 1
                first.parent.insert(place, nodes.container("", picture, classes=["opening"]))
                return


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_post_transform(Opening)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
