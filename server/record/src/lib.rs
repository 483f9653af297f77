//! Packets to MP4, safe against crashes.
