"""What becomes of each fault of the emulator in both frameworks: cases, and the table of docs/faults.md."""
