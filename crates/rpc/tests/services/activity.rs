//! What a run's sessions did at the target.

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    evidence::{ActivitySample, Found, Piece, Place},
    id::RunId,
    time::Timestamp,
};
use tonic::Code;
use uuid::Uuid;

use crate::{
    made::{create_named, second},
    support::Plane,
};

/// A minute's samples: as many sessions queue as seconds have passed.
fn piece(minute: u64) -> Piece {
    let sample = |at: u64| ActivitySample {
        at: second(at),
        sessions: 3_000,
        queued: at as u32,
        waits: vec![("CPU".to_owned(), 5), ("Lock".to_owned(), at as u32)],
    };
    let seconds = minute * 60..(minute + 1) * 60;
    Piece {
        place: Place::Activity(second(seconds.start)),
        taken: second(seconds.end - 1),
        found: Found::Activity(seconds.map(sample).collect()),
    }
}

async fn ask(
    plane: &Plane,
    run: RunId,
    after: Option<Timestamp>,
    max_points: u32,
) -> Vec<pb::TargetActivity> {
    let request = pb::GetTargetActivityRequest {
        run_id: run.to_string(),
        after_us: after.map_or(0, |after| after.0),
        max_points,
    };
    let answer = plane.runs().get_target_activity(request).await;
    answer.unwrap().into_inner().samples
}

fn wait(kind: &str, sessions: f64) -> pb::TargetWait {
    pb::TargetWait {
        kind: kind.to_owned(),
        sessions,
    }
}

#[tokio::test]
async fn samples_come_in_the_order_of_time_and_are_averaged_when_there_are_many() {
    let plane = Plane::ready().await;
    let run = create_named(&plane, "lookups", "nightly").await;
    assert_eq!(ask(&plane, run, None, 0).await, []);
    // Forty-five minutes are more than one page.
    for minute in (0..45).rev() {
        let piece = piece(minute);
        let put = plane.backend.stores.evidence.put(run, &piece);
        put.await.unwrap();
    }

    let last = ask(&plane, run, Some(second(45 * 60 - 3)), 0).await;
    let expected = [45 * 60 - 2, 45 * 60 - 1].map(|at| pb::TargetActivity {
        time_us: second(at).0,
        sessions: 3_000.0,
        waits: vec![wait("Lock", at as f64), wait("CPU", 5.0)],
        queued: at as f64,
    });
    assert_eq!(last, expected);
    let newest = Some(second(45 * 60 - 1));
    assert_eq!(ask(&plane, run, newest, 0).await, []);
    // A reader that polls gets each sample once, in the middle of a piece too.
    let polled = ask(&plane, run, Some(second(45 * 60 - 91)), 0).await;
    let times: Vec<i64> = polled.iter().map(|sample| sample.time_us).collect();
    let expected: Vec<i64> = (45 * 60 - 90..45 * 60).map(|at| second(at).0).collect();
    assert_eq!(times, expected);

    let all = ask(&plane, run, None, 0).await;
    assert!((300..=600).contains(&all.len()), "{}", all.len());
    let stride = Duration::from_micros((all[1].time_us - all[0].time_us).unsigned_abs());
    assert_eq!(stride, Duration::from_secs(8));
    // Seconds 0 to 7.
    assert_eq!(all[0].time_us, second(7).0);
    assert_eq!(all[0].waits, [wait("CPU", 5.0), wait("Lock", 3.5)]);
    assert_eq!(all.last().unwrap().time_us, second(45 * 60 - 1).0);
}

#[tokio::test]
async fn a_run_that_is_not_there_has_no_activity() {
    let plane = Plane::new();
    let request = pb::GetTargetActivityRequest {
        run_id: Uuid::from_u128(7).to_string(),
        ..Default::default()
    };
    let refused = plane.runs().get_target_activity(request).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
}
