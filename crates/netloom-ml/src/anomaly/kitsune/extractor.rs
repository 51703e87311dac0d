//! AfterImage: damped incremental statistics of senders, channels and sockets.

use std::net::IpAddr;

use hashbrown::HashMap;

/// What is known of a packet before any statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observation {
    /// When it came, in nanoseconds of any clock.
    pub ts: i64,
    /// Its length on the wire, in bytes.
    pub len: u32,
    /// Hardware address of the sender; zeros where there is none.
    pub src_mac: [u8; 6],
    /// Address of the sender as a number (IPv4 mapped into IPv6, a hardware address where there
    /// is no network address).
    pub src: u128,
    /// Address of the receiver.
    pub dst: u128,
    /// Port of the sender; 0 where there is none.
    pub src_port: u16,
    /// Port of the receiver.
    pub dst_port: u16,
    /// IANA number of the transport protocol.
    pub protocol: u8,
}

impl Observation {
    /// An address as the number that [`src`](Self::src) and [`dst`](Self::dst) are.
    ///
    /// ```
    /// use netloom_ml::anomaly::kitsune::Observation;
    ///
    /// assert_eq!(Observation::address("::7".parse().ok(), [0; 6]), 7);
    /// assert_eq!(Observation::address(None, [0, 0, 0, 0, 1, 2]), 0x0102);
    /// ```
    pub fn address(network: Option<IpAddr>, hardware: [u8; 6]) -> u128 {
        match network {
            Some(IpAddr::V4(address)) => address.to_ipv6_mapped().to_bits(),
            Some(IpAddr::V6(address)) => address.to_bits(),
            None => {
                let bytes = hardware.into_iter();
                bytes.fold(0, |number, byte| number << 8 | u128::from(byte))
            }
        }
    }
}

/// Features of a packet: 23 statistics over each of 5 time scales.
pub const FEATURES: usize = STATISTICS * SCALES;
const SCALES: usize = 5;
const STATISTICS: usize = 23;
/// The decay λ of each time scale, a second's weight being 2^−λ (the paper's five).
const DECAYS: [f64; SCALES] = [5.0, 3.0, 1.0, 0.1, 0.01];

/// What a feature says, in words.
pub fn feature_name(feature: usize) -> String {
    const NAMES: [&str; STATISTICS] = [
        "packets from this MAC and IP",
        "mean length from this MAC and IP",
        "deviation of lengths from this MAC and IP",
        "packets from this IP",
        "mean length from this IP",
        "deviation of lengths from this IP",
        "packets in this channel",
        "mean length in this channel",
        "deviation of lengths in this channel",
        "magnitude of both directions of this channel",
        "radius of both directions of this channel",
        "covariance of both directions of this channel",
        "correlation of both directions of this channel",
        "packets in this socket",
        "mean length in this socket",
        "deviation of lengths in this socket",
        "magnitude of both directions of this socket",
        "radius of both directions of this socket",
        "covariance of both directions of this socket",
        "correlation of both directions of this socket",
        "packets in this channel, by arrival",
        "mean time between packets of this channel",
        "deviation of times between packets of this channel",
    ];
    const SPANS: [&str; SCALES] = ["0.1 s", "0.5 s", "1.5 s", "10 s", "1 min"];
    match (
        NAMES.get(feature % STATISTICS),
        SPANS.get(feature / STATISTICS),
    ) {
        (Some(name), Some(span)) => format!("{name} (last {span})"),
        _ => "unknown".to_owned(),
    }
}

/// A word for what a feature is in, as columns have it in their names: `bytes`, `duration` (seconds),
/// or nothing.
pub fn feature_unit(feature: usize) -> &'static str {
    match feature % STATISTICS {
        1 | 2 | 4 | 5 | 7 | 8 | 9 | 14 | 15 | 16 => "bytes",
        21 | 22 => "duration",
        _ => "",
    }
}

/// Statistics of a stream over all time scales: count, sum and sum of squares, all of which
/// fade.
#[derive(Debug, Clone, Copy, Default)]
struct Stream {
    weight: [f64; SCALES],
    sum: [f64; SCALES],
    square: [f64; SCALES],
    /// The last distance from the mean.
    residual: [f64; SCALES],
    last: i64,
    begun: bool,
}

/// The share of weight left after so many seconds.
fn fading(scale: usize, seconds: f64) -> f64 {
    (-DECAYS[scale] * seconds).exp2()
}

fn seconds(from: i64, to: i64) -> f64 {
    // Packets out of order fade nothing.
    (to.saturating_sub(from).max(0)) as f64 / 1e9
}

impl Stream {
    fn update(&mut self, value: f64, now: i64) {
        let elapsed = if self.begun {
            seconds(self.last, now)
        } else {
            0.0
        };
        for scale in 0..SCALES {
            let left = if elapsed > 0.0 {
                fading(scale, elapsed)
            } else {
                1.0
            };
            self.weight[scale] = self.weight[scale] * left + 1.0;
            self.sum[scale] = self.sum[scale] * left + value;
            self.square[scale] = self.square[scale] * left + value * value;
            self.residual[scale] = value - self.mean(scale);
        }
        self.last = if self.begun { self.last.max(now) } else { now };
        self.begun = true;
    }

    fn weight_at(&self, scale: usize, now: i64) -> f64 {
        if self.weight[scale] > 0.0 {
            self.weight[scale] * fading(scale, seconds(self.last, now))
        } else {
            0.0
        }
    }

    fn mean(&self, scale: usize) -> f64 {
        if self.weight[scale] > 0.0 {
            self.sum[scale] / self.weight[scale]
        } else {
            0.0
        }
    }

    fn variance(&self, scale: usize) -> f64 {
        if self.weight[scale] > 0.0 {
            (self.square[scale] / self.weight[scale] - self.mean(scale).powi(2)).abs()
        } else {
            0.0
        }
    }
}

/// Both directions between two ends, and how they go together.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    streams: [Stream; 2],
    /// Sums of products of residuals, which fade.
    products: [f64; SCALES],
    last: i64,
}

impl Pair {
    /// A packet in one direction; writes 7 statistics of each scale.
    fn update(&mut self, forth: usize, value: f64, now: i64, features: &mut [f64], at: usize) {
        let begun = self.streams[0].begun || self.streams[1].begun;
        let elapsed = if begun { seconds(self.last, now) } else { 0.0 };
        self.last = if begun { self.last.max(now) } else { now };
        self.streams[forth].update(value, now);
        let (one, other) = (&self.streams[forth], &self.streams[1 - forth]);
        for scale in 0..SCALES {
            self.products[scale] = self.products[scale] * fading(scale, elapsed)
                + one.residual[scale] * other.residual[scale];
            let (mean, variance) = (one.mean(scale), one.variance(scale));
            let (back_mean, back_variance) = (other.mean(scale), other.variance(scale));
            let weights = one.weight[scale] + other.weight_at(scale, now);
            let covariance = self.products[scale] / weights;
            let deviations = (variance * back_variance).sqrt();
            let place = scale * STATISTICS + at;
            let correlation = if deviations > 0.0 {
                (covariance / deviations).clamp(-1.0, 1.0)
            } else {
                0.0
            };
            let seven = [
                one.weight[scale],
                mean,
                variance.sqrt(),
                mean.hypot(back_mean),
                variance.hypot(back_variance),
                covariance,
                correlation,
            ];
            features[place..place + 7].copy_from_slice(&seven);
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Channel {
    lengths: Pair,
    arrivals: [Stream; 2],
}

/// A bounded number of things remembered by key; those not seen for longest go first (the clock
/// algorithm).
#[derive(Debug, Clone)]
struct Memory<K, T> {
    places: HashMap<K, usize, foldhash::fast::RandomState>,
    kept: Vec<(K, bool, T)>,
    most: usize,
    hand: usize,
}

impl<K: Copy + Eq + std::hash::Hash, T: Default> Memory<K, T> {
    fn new(most: usize) -> Self {
        Self {
            places: HashMap::default(),
            kept: Vec::new(),
            most: most.max(1),
            hand: 0,
        }
    }

    fn of(&mut self, key: K) -> &mut T {
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => self.insert(key),
        };
        let (_, used, value) = &mut self.kept[place];
        *used = true;
        value
    }

    fn insert(&mut self, key: K) -> usize {
        let place = if self.kept.len() < self.most {
            self.kept.push((key, true, T::default()));
            self.kept.len() - 1
        } else {
            loop {
                let place = self.hand;
                self.hand = (self.hand + 1) % self.kept.len();
                let (old, used, value) = &mut self.kept[place];
                if std::mem::take(used) {
                    continue;
                }
                self.places.remove(old);
                *old = key;
                *value = T::default();
                break place;
            }
        };
        self.places.insert(key, place);
        place
    }
}

type Socket = (u128, u128, u16, u16, u8);

/// Turns packets into features, each by what came before it.
#[derive(Debug, Clone)]
pub struct Extractor {
    machines: Memory<([u8; 6], u128), Stream>,
    senders: Memory<u128, Stream>,
    channels: Memory<(u128, u128), Channel>,
    sockets: Memory<Socket, Pair>,
    features: Box<[f64]>,
}

impl Extractor {
    /// An extractor that remembers at most so many streams of each kind.
    pub fn new(max_streams: usize) -> Self {
        Self {
            machines: Memory::new(max_streams),
            senders: Memory::new(max_streams),
            channels: Memory::new(max_streams),
            sockets: Memory::new(max_streams),
            features: vec![0.0; FEATURES].into_boxed_slice(),
        }
    }

    /// Streams of each kind that it remembers at most.
    pub fn max_streams(&self) -> usize {
        self.senders.most
    }

    /// The features of the last packet.
    pub fn last(&self) -> &[f64] {
        &self.features
    }

    /// Takes a packet in; gives its [`FEATURES`] features, all finite.
    pub fn update(&mut self, packet: &Observation) -> &[f64] {
        let length = f64::from(packet.len);
        let now = packet.ts;
        let features = &mut self.features;
        let three = |stream: &Stream, features: &mut [f64], at: usize| {
            for scale in 0..SCALES {
                let place = scale * STATISTICS + at;
                features[place] = stream.weight[scale];
                features[place + 1] = stream.mean(scale);
                features[place + 2] = stream.variance(scale).sqrt();
            }
        };
        let machine = self.machines.of((packet.src_mac, packet.src));
        machine.update(length, now);
        three(machine, features, 0);
        let sender = self.senders.of(packet.src);
        sender.update(length, now);
        three(sender, features, 3);

        let forth = usize::from(packet.src > packet.dst);
        let ends = if forth == 0 {
            (packet.src, packet.dst)
        } else {
            (packet.dst, packet.src)
        };
        let channel = self.channels.of(ends);
        let arrivals = &mut channel.arrivals[forth];
        let previous = &channel.lengths.streams[forth];
        let pause = if previous.begun {
            seconds(previous.last, now)
        } else {
            0.0
        };
        arrivals.update(pause, now);
        three(arrivals, features, 20);
        channel.lengths.update(forth, length, now, features, 6);

        let forth = (packet.src, packet.src_port) > (packet.dst, packet.dst_port);
        let socket = if forth {
            (packet.dst, packet.src, packet.dst_port, packet.src_port)
        } else {
            (packet.src, packet.dst, packet.src_port, packet.dst_port)
        };
        self.sockets
            .of((socket.0, socket.1, socket.2, socket.3, packet.protocol))
            .update(usize::from(forth), length, now, features, 13);
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ts: f64, len: u32, back: bool) -> Observation {
        let (src, dst) = if back { (2, 1) } else { (1, 2) };
        Observation {
            ts: (ts * 1e9) as i64,
            len,
            src,
            dst,
            src_port: if back { 80 } else { 5000 },
            dst_port: if back { 5000 } else { 80 },
            protocol: 6,
            ..Observation::default()
        }
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9 * (1.0 + b.abs())
    }

    /// By hand, from the paper's formulas, at λ = 1.
    #[test]
    fn damped_statistics() {
        let mut extractor = Extractor::new(10);
        extractor.update(&packet(0.0, 100, false));
        extractor.update(&packet(1.0, 400, true));
        let f = extractor.update(&packet(2.0, 200, false)).to_vec();
        let at = 2 * STATISTICS;
        // The first packet is two seconds old: its weight is 2^−2.
        let (w, sum, square) = (1.25, 225.0, 42_500.0);
        let mean = sum / w;
        let variance = square / w - mean * mean;
        assert!(near(f[at], w) && near(f[at + 1], mean) && near(f[at + 2], f64::sqrt(variance)));
        assert!(near(f[at + 9], mean.hypot(400.0)), "{}", f[at + 9]);
        assert!(near(f[at + 10], variance), "{}", f[at + 10]);
        // The answer was its own mean: no residual, no covariance.
        assert_eq!((f[at + 11], f[at + 12]), (0.0, 0.0));
        // Times between packets of the direction: 0 (the first), 2 s.
        assert!(near(f[at + 21], 2.0 / 1.25), "{}", f[at + 21]);
        // The socket saw what the channel did.
        assert_eq!(f[at + 6..at + 13], f[at + 13..at + 20]);
    }

    #[test]
    fn directions_that_go_together() {
        let mut extractor = Extractor::new(10);
        let mut last = Vec::new();
        for step in 0..200u32 {
            let large = step / 20 % 2 * 500;
            last = extractor
                .update(&packet(f64::from(step) * 0.1, 100 + large, step % 2 == 1))
                .to_vec();
        }
        let slow = 4 * STATISTICS;
        assert!(last[slow + 12] > 0.3, "{}", last[slow + 12]);
    }

    #[test]
    fn every_feature_has_a_name() {
        let names: std::collections::BTreeSet<String> = (0..FEATURES).map(feature_name).collect();
        assert_eq!(names.len(), FEATURES);
        assert_eq!(feature_name(FEATURES), "unknown");
    }
}
