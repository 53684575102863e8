//! What every store of logs does.

use gauntlet_model::{
    id::{RunId, WorkerId},
    logs::{Level, LogLine},
    time::Timestamp,
};
use uuid::Uuid;

use super::{
    paging::walk,
    samples::{after, all, run, stored},
};
use crate::{Error, LogFilter, MOST_LOG_LINES, Stores};

const ANY: LogFilter = LogFilter {
    least: None,
    shard: None,
};

fn line(message: &str) -> LogLine {
    LogLine {
        sequence: 0,
        time: Timestamp(-7),
        worker: Some(WorkerId(Uuid::from_u128(9))),
        shard: Some(u32::MAX),
        level: Level::Warn,
        message: message.to_owned(),
    }
}

fn at(sequence: i64, line: LogLine) -> LogLine {
    LogLine { sequence, ..line }
}

async fn a_run(stores: &Stores) -> RunId {
    stored(stores, &run("acme", "nightly")).await.id
}

/// Lines are numbered without gaps, whatever number they come with, and come back.
pub async fn numbered(stores: Stores) {
    let run = a_run(&stores).await;
    let bare = LogLine {
        worker: None,
        shard: None,
        ..line("it's \"$1\" 50%_ é\n")
    };
    let given = [at(77, line("a")), bare.clone()];
    let first = stores.logs.append(run, &given);
    let expected = vec![at(1, line("a")), at(2, bare)];
    assert_eq!(first.await, Ok(expected.clone()));
    assert_eq!(stores.logs.append(run, &[]).await, Ok(vec![]));
    let second = stores.logs.append(run, &[line("c")]).await;
    assert_eq!(second, Ok(vec![at(3, line("c"))]));
    let all = [expected, vec![at(3, line("c"))]].concat();
    for limit in [1, 2, 3, 4] {
        let key = |line: &LogLine| line.sequence;
        let list = |page| stores.logs.list(run, ANY, page);
        assert_eq!(walk(limit, key, list, async |_| ()).await, all);
    }
    assert_eq!(stores.logs.dropped(run).await, Ok(0));
}

/// Lines of many writers have no gap and no repeat.
pub async fn of_many_writers(stores: Stores) {
    let run = a_run(&stores).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let stores = stores.clone();
        let pair = [line(&format!("{writer} a")), line(&format!("{writer} b"))];
        writers.spawn(async move { stores.logs.append(run, &pair).await });
    }
    for result in writers.join_all().await {
        let pair = result.expect("lines are stored");
        assert_eq!(pair[0].sequence + 1, pair[1].sequence);
    }
    let lines = stores.logs.list(run, ANY, all()).await.expect("a list");
    let sequences: Vec<i64> = lines.iter().map(|line| line.sequence).collect();
    assert_eq!(sequences, (1..=16).collect::<Vec<i64>>());
}

/// By how much a line matters, and by shard.
pub async fn filtered(stores: Stores) {
    let run = a_run(&stores).await;
    let mut lines = Vec::new();
    for level in Level::ALL {
        for shard in [None, Some(0), Some(1)] {
            let sequence = lines.len() as i64 + 1;
            lines.push(LogLine {
                level,
                shard,
                ..at(sequence, line("x"))
            });
        }
    }
    let stored = stores.logs.append(run, &lines).await;
    assert_eq!(stored.as_ref(), Ok(&lines));
    for least in [
        None,
        Some(Level::Debug),
        Some(Level::Warn),
        Some(Level::Error),
    ] {
        for shard in [None, Some(0), Some(2)] {
            let filter = LogFilter { least, shard };
            let expected: Vec<LogLine> = lines
                .iter()
                .filter(|line| least.is_none_or(|least| line.level >= least))
                .filter(|line| shard.is_none() || line.shard == shard)
                .cloned()
                .collect();
            let found = stores.logs.list(run, filter, all()).await;
            assert_eq!(found, Ok(expected), "{filter:?}");
        }
    }
}

/// Beyond the bound the oldest go, and how many went is known.
pub async fn oldest_go(stores: Stores) {
    let run = a_run(&stores).await;
    let many = vec![line("x"); 10_000];
    for _ in 0..MOST_LOG_LINES / 10_000 {
        let stored = stores.logs.append(run, &many).await;
        stored.expect("lines are stored");
    }
    assert_eq!(stores.logs.dropped(run).await, Ok(0));
    for more in [1, 2_500] {
        let stored = stores.logs.append(run, &many[..more]).await;
        stored.expect("lines are stored");
    }
    assert_eq!(stores.logs.dropped(run).await, Ok(2_501));
    let first = stores.logs.list(run, ANY, after(0, 1)).await;
    assert_eq!(first, Ok(vec![at(2_502, line("x"))]));
    let last = stores.logs.list(run, ANY, after(MOST_LOG_LINES + 2_500, 9));
    assert_eq!(last.await, Ok(vec![at(MOST_LOG_LINES + 2_501, line("x"))]));
}

/// A run without lines has none; lines without a run are refused.
pub async fn absent(stores: Stores) {
    let unknown = RunId(Uuid::now_v7());
    let missing = Err(Error::Missing(format!("run {unknown}")));
    assert_eq!(stores.logs.append(unknown, &[line("x")]).await, missing);
    assert_eq!(stores.logs.append(unknown, &[]).await, missing);
    assert_eq!(stores.logs.list(unknown, ANY, all()).await, Ok(vec![]));
    assert_eq!(stores.logs.dropped(unknown).await, Ok(0));
}
