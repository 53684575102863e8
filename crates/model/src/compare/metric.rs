//! The figures that runs are compared by.

use crate::report::{OperationReport, Summary};

/// A figure of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Operations that succeeded per second.
    Throughput,
    /// Rows read or written per second.
    RowThroughput,
    /// Operations that succeeded.
    Succeeded,
    /// Operations that failed.
    Failed,
    /// Operations that failed, were cut or dropped, of all that were due.
    ErrorRatio,
    /// Of the response time.
    Response(Statistic),
    /// Of the service time.
    Service(Statistic),
    /// Of the lag.
    Lag(Statistic),
}

/// A figure of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// The smallest.
    Min,
    /// The mean.
    Mean,
    /// The median.
    P50,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// The 99.9th percentile.
    P999,
    /// The largest.
    Max,
}

impl Statistic {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Min,
        Self::Mean,
        Self::P50,
        Self::P95,
        Self::P99,
        Self::P999,
        Self::Max,
    ];

    fn of(self, summary: &Summary) -> f64 {
        match self {
            Self::Min => summary.min_us,
            Self::Mean => summary.mean_us,
            Self::P50 => summary.p50_us,
            Self::P95 => summary.p95_us,
            Self::P99 => summary.p99_us,
            Self::P999 => summary.p999_us,
            Self::Max => summary.max_us,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p999",
            Self::Max => "max",
        }
    }
}

/// What a figure counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Per second.
    PerSecond,
    /// A number of things.
    Count,
    /// 0 to 1.
    Ratio,
    /// Microseconds.
    Microseconds,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The higher.
    Higher,
    /// The lower.
    Lower,
}

/// One figure in all runs, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricComparison {
    /// Which figure.
    pub metric: Metric,
    /// The values; `None` where a run has none.
    pub values: Vec<Option<f64>>,
    /// The value less the baseline's; `None` where one of them is missing.
    pub differences: Vec<Option<f64>>,
    /// The value over the baseline's; `None` also where the baseline's is zero.
    pub ratios: Vec<Option<f64>>,
}

impl Metric {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let counts = [
            Self::Throughput,
            Self::RowThroughput,
            Self::Succeeded,
            Self::Failed,
            Self::ErrorRatio,
        ];
        let latencies = [Self::Response, Self::Service, Self::Lag];
        let latencies = latencies
            .into_iter()
            .flat_map(|latency| Statistic::ALL.into_iter().map(latency));
        counts.into_iter().chain(latencies).collect()
    }

    /// The stable word, like `response_p99`.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Throughput => "throughput".to_owned(),
            Self::RowThroughput => "row_throughput".to_owned(),
            Self::Succeeded => "succeeded".to_owned(),
            Self::Failed => "failed".to_owned(),
            Self::ErrorRatio => "error_ratio".to_owned(),
            Self::Response(statistic) => format!("response_{}", statistic.word()),
            Self::Service(statistic) => format!("service_{}", statistic.word()),
            Self::Lag(statistic) => format!("lag_{}", statistic.word()),
        }
    }

    /// What it counts in.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::Throughput | Self::RowThroughput => Unit::PerSecond,
            Self::Succeeded | Self::Failed => Unit::Count,
            Self::ErrorRatio => Unit::Ratio,
            Self::Response(_) | Self::Service(_) | Self::Lag(_) => Unit::Microseconds,
        }
    }

    /// Which way is better.
    #[must_use]
    pub fn better(self) -> Better {
        match self {
            Self::Throughput | Self::RowThroughput | Self::Succeeded => Better::Higher,
            _ => Better::Lower,
        }
    }

    /// The value; `None` where nothing was measured that it could speak of.
    fn of(self, report: &OperationReport) -> Option<f64> {
        let due = report.succeeded + report.failed + report.cut + report.dropped;
        let latency = |summary: &Summary, statistic: Statistic| {
            (report.succeeded > 0).then(|| statistic.of(summary))
        };
        match self {
            Self::Throughput => Some(report.throughput_per_s),
            // The report counts rows and operations over the same time.
            Self::RowThroughput if report.succeeded == 0 => Some(0.0),
            Self::RowThroughput => {
                Some(report.throughput_per_s * (report.rows as f64 / report.succeeded as f64))
            }
            Self::Succeeded => Some(report.succeeded as f64),
            Self::Failed => Some(report.failed as f64),
            Self::ErrorRatio if due == 0 => None,
            Self::ErrorRatio => Some((due - report.succeeded) as f64 / due as f64),
            Self::Response(statistic) => latency(&report.response, statistic),
            Self::Service(statistic) => latency(&report.service, statistic),
            Self::Lag(statistic) => latency(&report.lag, statistic),
        }
    }
}

/// All figures of one operation. The first report is the baseline's.
pub(super) fn compare(reports: &[Option<&OperationReport>]) -> Vec<MetricComparison> {
    let metrics = Metric::all();
    metrics
        .into_iter()
        .map(|metric| {
            let values: Vec<Option<f64>> = reports
                .iter()
                .map(|report| report.and_then(|report| metric.of(report)))
                .collect();
            let baseline = values.first().copied().flatten();
            let against = |with: fn(f64, f64) -> Option<f64>| {
                let values = values.iter();
                values
                    .map(|value| with((*value)?, baseline?))
                    .collect::<Vec<Option<f64>>>()
            };
            MetricComparison {
                metric,
                differences: against(|value, baseline| Some(value - baseline)),
                ratios: against(|value, baseline| (baseline != 0.0).then_some(value / baseline)),
                values,
            }
        })
        .collect()
}
