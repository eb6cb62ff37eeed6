"""Images to train on: small parts beside the loader, whole sets on request, content verified."""
from oldlib.datasets.loader import load as load
from oldlib.datasets.prepare import standardised as standardised
from oldlib.datasets.records import Images as Images
from oldlib.datasets.records import NoData as NoData
from oldlib.datasets.records import Provenance as Provenance
from oldlib.datasets.records import WrongFile as WrongFile
from oldlib.datasets.records import first as first
