import type { Command } from 'commander';
import { type DemoOptions, runDemo } from '../demo/run-demo.js';

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('an office stack on this machine: lab, control plane, blueprint; Ctrl-C stops it')
    .option('--blueprint <name>', 'blueprint to install; none: only lab, control plane and dashboard', 'team')
    .option('--state <folder>', 'everything the demo keeps', '.bastide/demo')
    .option('--domain <domain>', 'domain of the demo site', 'demo.test')
    .option('--port <port>', 'port of the control plane on loopback', '7080')
    .option('--lab-port <port>', 'port of the lab’s Proxmox API on loopback', '8006')
    .option('--network <n>', 'guests get addresses in 10.<n>.0.0/16', '91')
    .option('--lab-name <name>', 'names what the lab makes on this machine', 'demo')
    .option('-y, --yes', 'accepted for scripts: the demo never asks')
    .option('--exit', 'stop when everything is up')
    .action(async (options: DemoOptions) => {
      process.exitCode = await runDemo(options);
    });
}
