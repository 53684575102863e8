//! What a load keeps of single operations.

use std::time::{Duration, Instant};

use gauntlet_engine::{Epoch, ErrorClass, Generator, Plan, Replay, Sample, Value};

use crate::scripted::{Answer, Script};
use crate::support::{failure, plan, rest, stop_now};

#[tokio::test]
async fn samples_say_which_operations_were_kept_and_with_which_parameters() {
    let mut plan = Plan {
        operation_timeout: Duration::from_millis(50),
        ..plan()
    };
    plan.operations[0].parameters = vec![Generator::UniqueKey, Generator::Text { length: 4 }];
    plan.keys.first = 500;
    let replay = Replay::new(&plan);
    let (mut script, mut handle) = Script::ready(plan).await;
    handle.start(Instant::now(), Epoch(3));
    let mut sent = Vec::new();
    for number in 0..8 {
        let (parameters, answer) = script.execute().await;
        sent.push(parameters);
        let _ = answer.send(match number {
            1 => Answer::Failed(failure(ErrorClass::Constraint, "C")),
            7 => {
                stop_now(&handle);
                Answer::Done
            }
            _ => Answer::Done,
        });
    }
    let whole = rest(&mut handle).await;
    let [kept] = whole.samples.operations() else {
        panic!("one operation")
    };
    assert_eq!((kept.slowest().len(), kept.drawn().count()), (8, 8));
    let parameters = |sample: &Sample| -> Vec<Value> {
        let again = replay.parameters(0, sample.index, sample.key);
        again
            .into_iter()
            .map(|value| value.expect("known"))
            .collect()
    };
    let [failed] = &kept.first_failures().collect::<Vec<_>>()[..] else {
        panic!("one failure")
    };
    assert_eq!(parameters(failed), sent[1]);
    assert_eq!((failed.epoch, failed.index), (Epoch(3), 64));
    let code = failed.failure.as_ref().map(|failure| &failure.code[..]);
    assert_eq!(code, Some("C"));
    for sample in kept.drawn() {
        assert_eq!(parameters(sample), sent[sample.index as usize / 64]);
        assert_eq!(sample.rows, if sample.index == 64 { 0 } else { 2 });
        assert_eq!(sample.response_ns, sample.service_ns + sample.lag_ns);
    }
    let responses = kept.slowest().iter().map(|sample| sample.response_ns);
    assert!(responses.is_sorted_by(|slower, faster| slower >= faster));
}

#[tokio::test]
async fn a_timeout_is_among_the_slowest_and_the_first_failures() {
    let plan = Plan {
        operation_timeout: Duration::from_millis(20),
        ..plan()
    };
    let (mut script, mut handle) = Script::ready(plan).await;
    handle.start(Instant::now(), Epoch(0));
    let (_, _unanswered) = script.execute().await;
    let whole = handle.next_snapshot().await;
    let mut whole = whole.expect("the load runs");
    while whole.samples.is_empty() {
        whole.merge(handle.next_snapshot().await.expect("the load runs"));
    }
    handle.abort();
    let kept = &whole.samples.operations()[0];
    let codes = |samples: Vec<&Sample>| -> Vec<String> {
        let failures = samples.iter().filter_map(|sample| sample.failure.as_ref());
        failures.map(|failure| failure.code.clone()).collect()
    };
    assert_eq!(
        codes(kept.slowest().iter().collect()),
        ["OPERATION_TIMEOUT"]
    );
    assert_eq!(
        codes(kept.first_failures().collect()),
        ["OPERATION_TIMEOUT"]
    );
}
