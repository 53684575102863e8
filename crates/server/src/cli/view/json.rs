//! One JSON object per line: the messages of the API's streams as they come.

use gauntlet_client::pb;

use super::View;
use crate::cli::{failure::Failure, print};

/// The view for programs.
pub struct Json;

impl View for Json {
    fn state(&mut self, run: &pb::Run) -> Result<(), Failure> {
        let update = Some(pb::watch_run_response::Update::Run(run.clone()));
        print::json_line("WatchRunResponse", &pb::WatchRunResponse { update })
    }

    fn point(&mut self, point: &pb::MetricsPoint) -> Result<(), Failure> {
        let update = Some(pb::stream_metrics_response::Update::Point(point.clone()));
        print::json_line(
            "StreamMetricsResponse",
            &pb::StreamMetricsResponse { update },
        )
    }

    fn live(&mut self) {}

    fn tick(&mut self) {}

    fn note(&mut self, text: &str) {
        print::aside(text);
    }

    fn finish(&mut self) {}
}
