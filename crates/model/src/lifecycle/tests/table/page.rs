//! The page around the tables.

use super::*;

pub(super) fn page() -> String {
    let (joining_timing, joining_rows, joining_columns) = joining();
    let (search_timing, search_rows, search_columns) = searching();
    [
        "# The states of a run\n\n\
         Printed by the test `the_table_is_the_code` of `gauntlet-model`; \
         `UPDATE_DOCS=1 cargo test -p gauntlet-model` prints it anew.\n\n\
         Each row is a status and phase of a run, each column an event. A cell is the state that \
         follows and, after the colon, what is done then. `·` changes nothing, `refused` is an \
         error to the caller. In the first three tables the run has two shards, no search, the \
         policy FAIL and FIXED scaling.\n\n\
         ## What people ask for, time and the report\n\n"
            .to_owned(),
        grid(&timing(), states(), &asked()),
        "\n## What becomes of shards\n\n\
         The events of shards are of the second one's attempt; the first one's was ready, or has \
         finished.\n\n"
            .to_owned(),
        grid(&timing(), states(), &of_shards()),
        "\n## What is found out of the load\n\n\
         A condition is a guardrail, an objective that aborts the run, or the bound of scaling. \
         `steady` ends a warmup only where the template says that it ends so.\n\n"
            .to_owned(),
        grid(&timing(), states(), &found_out()),
        deadlines(),
        steering(),
        joining_text(),
        grid(&joining_timing, joining_rows, &joining_columns),
        search_text(),
        grid(&search_timing, search_rows, &search_columns),
    ]
    .concat()
}

fn deadlines() -> String {
    format!(
        "\n## Deadlines\n\n\
         Every state that is not an end has one, so every run that was started ends:\n\n\
         - Waiting for workers ends after worker_wait.\n\
         - STARTING ends after start_timeout.\n\
         - A phase's next command is sent {} ms before its instant. With a search, the figures of a \
         step whose window ends with the measurement are waited for, for at most {} s.\n\
         - COOLDOWN ends at the latest drain_timeout + {} s after the last operation was due.\n\
         - PROCESSING ends after {} s and a twentieth of the time under load.\n\
         - A shard whose worker was lost, and one that joins, has start_timeout.\n\n\
         The earliest comes first. One that has moved away since changes nothing.\n",
        LEAD.as_millis(),
        STEP_DELIVERY.as_secs(),
        DELIVERY.as_secs(),
        PROCESSING.as_secs(),
    )
}

fn steering() -> String {
    format!(
        "\n## Steering\n\n\
         A level and a pause take effect {} ms after they were asked for, at all workers at once. \
         They prolong nothing: each phase ends when it would have ended, and a paused load was \
         asked for no operations. Asking for what holds already changes nothing. A run can be \
         adjusted {MOST_ADJUSTMENTS} times. While a search is planned or on, it sets the level, and \
         a person cannot.\n\n\
         Commands take effect in the order of their numbers; only a stop may overtake. A command \
         is for the shards that are RUNNING, and for those that joined later from their START on.\n",
        ADJUST_LEAD.as_millis(),
    )
}

fn joining_text() -> String {
    format!(
        "\n## Workers that are lost and workers that join\n\n\
         A worker that is lost, or a shard that fails, under load:\n\n\
         - FAIL ends the run.\n\
         - CONTINUE goes on with those that are left; the run fails when none is. The level stays \
         as it was asked for, and the lost shard's part of it is sent by nobody. Only in a search \
         the others take its part over, because a level that is tried must be sent in full.\n\
         - REPLACE lets the shard wait for another worker, also when all were lost at once. The \
         worker is released at once, so that two attempts are never under load. A new attempt has \
         start_timeout to become ready; the run fails when the shard has none by then. Before the \
         barrier the time until there is what is left. Nobody takes over what a person aborted.\n\n\
         A worker that is added by scaling gets a shard of its own, the next index. The run can do \
         without it: when it is lost or not ready in time, its attempt is over and nothing else \
         changes.\n\n\
         An attempt that becomes ready under load joins: START in the phase of that moment, at \
         the first instant, {} ms ahead at least, at which the intervals of the others end; at the \
         same instant SET_TARGET if the level or the split is not the template's, and PAUSE if the \
         load is paused. Who is under load passes START over. When an added worker joins, all get \
         equal parts. When the load ends first, what has not joined is released.\n\n\
         Replacements, additions and other splits are {MOST_ADJUSTMENTS} at most. Beyond that a \
         worker that would come is refused and another split is passed over.\n\n\
         The rows are runs in MEASUREMENT with two shards, the policy REPLACE and AUTO scaling.\n\n",
        LEAD.as_millis(),
    )
}

fn search_text() -> String {
    format!(
        "\n## The steps of a search\n\n\
         A search begins with the measurement. A STEP command sets the level; the load settles, \
         then a window counts. The window ends at an instant at which the intervals of all workers \
         end, so its figures are there at once; the time to settle is stretched for that, by less \
         than {} s. The next step's command is sent as soon as the figures are judged, {} ms ahead.\n\n\
         - A step that would not end before the measurement is not begun: the run is COMPLETED \
         with SEARCH_FINISHED and the search has ended with MAX_TIME. When the time is over while \
         a step is under load, the reason is DURATION_ELAPSED.\n\
         - Any other end of the load makes the step ABANDONED and ends the search with STOPPED.\n\
         - A step that was broken off by a pause, a lost worker, one that joined, or another split \
         is ABANDONED and its level is tried again: after the resume, when the shard has been \
         replaced, at once otherwise. Figures that come later change nothing.\n\
         - A step that the generator limited says nothing of the target. Where scaling still may \
         add a worker its level is tried again, when a worker that is on its way has joined. At \
         the bound of BOUNDED scaling the run is STOPPED with BOUND_REACHED.\n\n\
         The rows are runs in MEASUREMENT with two shards and the policy REPLACE; the step measured \
         passes.\n\n",
        INTERVAL.as_secs(),
        STEP_LEAD.as_millis(),
    )
}
