"""The object stores of the platform, one for each purpose, as its settings say: on this machine or in S3."""

from __future__ import annotations

from dataclasses import dataclass

from hanzo_twin.clock import Clock
from hanzo_twin.definition.settings import Settings
from hanzo_twin.stores.objects import ObjectStore, S3Settings, local_objects, s3_objects
from hanzo_twin.stores.signing import UrlSigner, load_secret

LINK_PATH = "/v1/objects/"
"""Path of the API below which links to local objects lie: ``/v1/objects/scenes/<token>``."""


@dataclass(frozen=True, kw_only=True)
class Buckets:
    """Where scenes and states lie. ``signer`` checks the links to local objects; None where S3 serves its own."""

    scenes: ObjectStore
    checkpoints: ObjectStore
    signer: UrlSigner | None


def open_buckets(settings: Settings, clock: Clock | None = None) -> Buckets:
    """The stores that ``settings`` name: buckets of the S3 endpoint, else directories below ``data_dir``.

    Raises:
        StoreUnavailableError: a directory cannot be made.
    """
    storage = settings.storage
    if storage.endpoint is None:
        signer = UrlSigner(load_secret(settings.data_dir / "objects" / ".signing-secret"), clock)
        return Buckets(
            scenes=_local(settings, "scenes", storage.buckets.scenes, signer, clock),
            checkpoints=_local(settings, "checkpoints", storage.buckets.checkpoints, signer, clock),
            signer=signer,
        )
    return Buckets(
        scenes=_s3(settings, storage.buckets.scenes),
        checkpoints=_s3(settings, storage.buckets.checkpoints),
        signer=None,
    )


def _local(settings: Settings, purpose: str, bucket: str, signer: UrlSigner, clock: Clock | None) -> ObjectStore:
    directory = settings.data_dir / "objects" / bucket
    return local_objects(directory, signer=signer, url_prefix=f"{LINK_PATH}{purpose}/", clock=clock)


def _s3(settings: Settings, bucket: str) -> ObjectStore:
    storage = settings.storage
    return s3_objects(
        S3Settings(
            bucket=bucket,
            region=storage.region,
            endpoint=storage.endpoint,
            access_key_id=storage.access_key.get_secret_value() if storage.access_key else None,
            secret_access_key=storage.secret_key.get_secret_value() if storage.secret_key else None,
        )
    )
