//! Kitsune: packets scored online by an ensemble of small autoencoders, each seeing a part of
//! what is known of a packet's sender, channel and socket.
//!
//! Mirsky, Doitshman, Elovici and Shabtai, "Kitsune: An Ensemble of Autoencoders for Online
//! Network Intrusion Detection", NDSS 2018. [`Extractor`] is the paper's AfterImage (damped
//! incremental statistics over five time scales, 115 features), [`KitNet`] its feature mapper
//! and the two layers of autoencoders.

mod extractor;
mod kitnet;
mod mapper;

pub use extractor::{Extractor, FEATURES, Observation, feature_name, feature_unit};
pub use kitnet::{KitNet, KitNetParams, Phase};

use super::AnomalyError;

/// How the detector is made.
#[derive(Debug, Clone, PartialEq)]
pub struct KitsuneParams {
    /// The autoencoders.
    pub net: KitNetParams,
    /// Most senders, channels and sockets remembered, of each kind; the ones not seen for
    /// longest go first.
    pub max_streams: usize,
}

impl Default for KitsuneParams {
    fn default() -> Self {
        Self {
            net: KitNetParams::default(),
            max_streams: 100_000,
        }
    }
}

impl KitsuneParams {
    /// A detector that has seen nothing yet.
    ///
    /// # Errors
    /// A parameter out of its range.
    pub fn build(&self) -> Result<Kitsune, AnomalyError> {
        super::check::at_least("max_streams", self.max_streams, 1)?;
        Ok(Kitsune {
            extractor: Extractor::new(self.max_streams),
            net: self.net.build(FEATURES)?,
        })
    }
}

/// Statistics of the traffic, and autoencoders that know what they use to be.
#[derive(Debug, Clone)]
pub struct Kitsune {
    extractor: Extractor,
    net: KitNet,
}

impl Kitsune {
    /// Takes a packet in and scores it: 0 while the detector learns, then 0 and up.
    pub fn update(&mut self, packet: &Observation) -> f64 {
        let features = self.extractor.update(packet);
        self.net.update(features)
    }

    /// Forgets who sent what, and keeps what it knows of how statistics use to be: for packets of
    /// another time.
    pub fn forget_traffic(&mut self) {
        self.extractor = Extractor::new(self.extractor.max_streams());
    }

    /// What the detector is doing.
    pub fn phase(&self) -> Phase {
        self.net.phase()
    }

    /// The features of the last packet.
    pub fn features(&self) -> &[f64] {
        self.extractor.last()
    }

    /// For the last packet, how badly each feature was given back: with [`feature_name`], the
    /// reasons of its score.
    pub fn contributions(&self) -> Vec<f64> {
        self.net.contributions(self.extractor.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn talk(random: &mut Chance, time: i64) -> Observation {
        let client = 1 + random.below(5) as u128;
        let back = random.below(2) == 1;
        let (src, dst) = if back { (100, client) } else { (client, 100) };
        Observation {
            ts: time,
            len: if back { 1400 } else { 80 } + random.below(40) as u32,
            src_mac: [0, 0, 0, 0, 0, src as u8],
            src,
            dst,
            src_port: if back { 443 } else { 50_000 + client as u16 },
            dst_port: if back { 50_000 + client as u16 } else { 443 },
            protocol: 6,
        }
    }

    #[test]
    fn a_flood_stands_out() {
        let mut random = Chance::new(6);
        let mut kitsune = KitsuneParams {
            net: KitNetParams {
                feature_mapping_grace: 500,
                training_grace: 5000,
                ..KitNetParams::default()
            },
            ..KitsuneParams::default()
        }
        .build()
        .unwrap();
        let mut time = 0;
        let mut usual = Vec::new();
        for step in 0..8000 {
            time += 10_000_000 + random.below(5_000_000) as i64;
            let score = kitsune.update(&talk(&mut random, time));
            if step < 5500 {
                assert_eq!(score, 0.0);
            } else {
                usual.push(score);
            }
        }
        assert_eq!(kitsune.phase(), Phase::Scoring);
        usual.sort_by(f64::total_cmp);
        let high = usual[usual.len() * 99 / 100];
        let mut flood = 0.0;
        for _ in 0..500 {
            time += 100_000;
            flood = kitsune.update(&Observation {
                ts: time,
                len: 60,
                src_mac: [9; 6],
                src: 9,
                dst: 100,
                src_port: random.below(65536) as u16,
                dst_port: 80,
                protocol: 6,
            });
        }
        assert!(flood > high * 2.0, "{flood} {high}");
        assert_eq!(kitsune.contributions().len(), FEATURES);
    }

    #[test]
    fn bounded_and_finite() {
        let mut random = Chance::new(1);
        let mut kitsune = KitsuneParams {
            net: KitNetParams {
                feature_mapping_grace: 50,
                training_grace: 100,
                ..KitNetParams::default()
            },
            max_streams: 8,
        }
        .build()
        .unwrap();
        for _ in 0..2000 {
            // Times out of order, anyone to anyone.
            let score = kitsune.update(&Observation {
                ts: random.next() as i64,
                len: random.next() as u32,
                src_mac: [random.next() as u8; 6],
                src: u128::from(random.next()),
                dst: u128::from(random.next() % 3),
                src_port: random.next() as u16,
                dst_port: 1,
                protocol: 17,
            });
            assert!(score.is_finite() && score >= 0.0);
        }
    }
}
