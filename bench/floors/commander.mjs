// A process that loads commander and does nothing with it.
import 'commander';
