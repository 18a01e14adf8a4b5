"""The conformance suite of `bridge.store.lease_store.LeaseStore`."""

from __future__ import annotations

from bridge.testing.claims import ClaimPromises
from bridge.testing.fixtures import BackendFixtures
from bridge.testing.lease_records import LeasePromises


class LeaseStoreTests(LeasePromises, ClaimPromises, BackendFixtures):
    """All tests of the interface to leases."""
