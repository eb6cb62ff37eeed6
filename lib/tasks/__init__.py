"""Images to train on: small parts beside the loader, whole sets on request, content verified."""
from lib.tasks.loader import load as load
from lib.tasks.prepare import standardised as standardised
from lib.tasks.records import Images as Images
from lib.tasks.records import NoData as NoData
from lib.tasks.records import Provenance as Provenance
from lib.tasks.records import WrongFile as WrongFile
from lib.tasks.records import first as first
