//! Operations by name, and those kept as examples.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Name, RunId},
    sample::OperationSample,
    template::Spec,
};
use gauntlet_store::{Error as StoreError, PageQuery, SampleFilter, SampleKey, Sampled, Stores};
use gauntlet_wire::{
    Violations,
    decode::{self, SamplePlace},
    encode,
};
use tonic::{Response, Status};

use crate::{Backend, judged, status};

/// Examples read from the store at a time.
const PAGE: u32 = 500;

/// The places in the template of the operations of these names, rising; none
/// for no names, which means all.
pub(super) fn places(spec: &Spec, names: &[Name]) -> Result<Vec<u32>, Violations> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let known = spec.operations.iter().zip(0..);
        let place = known.filter(|(one, _)| one.name == *name).map(|(_, at)| at);
        found.push(place.min().ok_or_else(|| {
            let known: Vec<&str> = spec
                .operations
                .iter()
                .map(|one| one.name.as_str())
                .collect();
            let known = known.join(", ");
            Violations::one(
                "operations",
                format!("{name} is not one of the run's: {known}"),
            )
        })?);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

pub(super) async fn list_operations(
    backend: &Backend,
    request: pb::ListOperationsRequest,
) -> Result<Response<pb::ListOperationsResponse>, Status> {
    let request = decode::list_operations(request)?;
    let run = judged::run(&backend.stores, request.run).await;
    let run = run.map_err(status::control)?;
    let places = places(&run.spec, &request.operations)?;
    let page = request.page;
    let mut slowest = Slowest::new(page.after, page.limit() as usize);
    let filter = SampleFilter {
        operation: None,
        kind: request.kind,
        phase: request.phase,
    };
    let read = slowest.read(&backend.stores, run.id, filter, &places).await;
    read.map_err(status::store)?;
    let mut found = slowest.into_sorted();
    let next_page_token = page.cut(&mut found, |last| last.place);
    Ok(Response::new(pb::ListOperationsResponse {
        operations: found
            .iter()
            .map(|one| encode::operation_sample(&one.sample, &run.spec))
            .collect(),
        next_page_token,
    }))
}

/// The slowest examples that come after a place, as many as a page needs. The
/// store keeps them by operation; a run has few enough to look at all.
struct Slowest {
    after: Option<SamplePlace>,
    most: usize,
    /// The fastest on top.
    kept: BinaryHeap<Kept>,
}

struct Kept {
    place: SamplePlace,
    sample: OperationSample,
}

impl Slowest {
    fn new(after: Option<SamplePlace>, most: usize) -> Self {
        Self {
            after,
            most,
            kept: BinaryHeap::with_capacity(most + 1),
        }
    }

    /// Reads the examples of one operation after the other; all when `places` is empty.
    async fn read(
        &mut self,
        stores: &Stores,
        run: RunId,
        filter: SampleFilter,
        places: &[u32],
    ) -> Result<(), StoreError> {
        if places.is_empty() {
            return self.read_one(stores, run, filter).await;
        }
        for place in places {
            let operation = Some(*place);
            let filter = SampleFilter {
                operation,
                ..filter
            };
            self.read_one(stores, run, filter).await?;
        }
        Ok(())
    }

    async fn read_one(
        &mut self,
        stores: &Stores,
        run: RunId,
        filter: SampleFilter,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let query = PageQuery { after, limit: PAGE };
            let page = stores.samples.list(run, filter, query).await?;
            after = page.last().map(|last| last.key);
            let last = page.len() < PAGE as usize;
            for sampled in page {
                self.take(sampled);
            }
            if last {
                return Ok(());
            }
        }
    }

    fn take(&mut self, sampled: Sampled) {
        let place = place(&sampled.key, &sampled.sample);
        if self.after.is_some_and(|after| place <= after) {
            return;
        }
        let sample = sampled.sample;
        self.kept.push(Kept { place, sample });
        if self.kept.len() > self.most {
            self.kept.pop();
        }
    }

    fn into_sorted(self) -> Vec<Kept> {
        self.kept.into_sorted_vec()
    }
}

fn place(key: &SampleKey, sample: &OperationSample) -> SamplePlace {
    SamplePlace {
        response_ns: Reverse(sample.response_ns),
        operation: key.operation,
        kind: key.kind as u32,
        shard: key.shard,
        attempt: key.attempt,
        rank: key.rank,
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place.cmp(&other.place)
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Kept {}
