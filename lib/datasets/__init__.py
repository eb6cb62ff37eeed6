"""Images to train on: small parts beside the loader, whole sets on request, content verified."""
from lib.datasets.loader import load as load
from lib.datasets.prepare import standardised as standardised
from lib.datasets.records import Images as Images
from lib.datasets.records import NoData as NoData
from lib.datasets.records import Provenance as Provenance
from lib.datasets.records import WrongFile as WrongFile
from lib.datasets.records import first as first
