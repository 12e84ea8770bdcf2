// The official MicroPython image on an emulated RP2040 (rp2040js), before a desk: chips on its I2C peripherals,
// data-ready pins, USB serial, flash. Arguments: packages folder, boot ROM, flash, why it was reset (the
// watchdog's registers), the pins of the buses, the board's unique id (which also makes its chance), "wifi" for a
// Pico W.
// Each message is <u8 what> <f64 microseconds since power-up> and bytes; each answer
// <f64 when to ask again> <u32 levels of the pins> <u8 value> <u8 attached> and bytes from the host.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { exchange } from "./pipe.mjs";
import { runner } from "./quick.mjs";
import { CALLS, wire } from "./wifi.mjs";

const [packages, romFile, flashFile, reason, wires, identity, wifi] = process.argv.slice(2);
const rp2040 = await import(pathToFileURL(path.join(packages, "rp2040js/dist/esm/index.js")).href);
const { Simulator, USBCDC, ConsoleLogger, LogLevel } = rp2040;

const [LOOK, START, WRITE, READ, SENT, ERASE, PROGRAM, RESET, RADIO] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const FLASH = 0x10000000;

const simulator = new Simulator();
const { rp2040: chip, clock } = simulator;
const { core } = chip;
chip.logger = new ConsoleLogger(LogLevel.Error);

// ---- Asking the desk

const room = new Uint8Array(65536);
const view = new DataView(room.buffer);
let lookNanos = 0;
let levels = 0;
let attached = true;
let connected = false;
const incoming = [];

/** Ask; return the answer's value. Whatever else it says is done: pins, bytes from the host. */
function ask(what, bytes = []) {
  room[4] = what;
  view.setFloat64(5, clock.nanosCounter / 1000, true);
  room.set(bytes, 13);
  const length = exchange(room, 0, 9 + bytes.length);
  lookNanos = view.getFloat64(4, true) * 1000;
  setLevels(view.getUint32(12, true));
  const value = room[16];
  attach(room[17] === 1);
  for (let at = 18; at < 4 + length; at++) incoming.push(room[at]);
  feed();
  return value;
}

function setLevels(now) {
  const changed = levels ^ now;
  if (!changed) return;
  levels = now;
  for (let pin = 0; pin < 30; pin++)
    if ((changed >>> pin) & 1) chip.gpio[pin].setInputValue(((now >>> pin) & 1) === 1);
}

// ---- The radio of a Pico W: <u16 bytes wanted> <bytes sent>; the answer is <u8 the chip calls> <bytes>

function radio(sent, wanted) {
  room[4] = RADIO;
  view.setFloat64(5, clock.nanosCounter / 1000, true);
  view.setUint16(13, wanted, true);
  room.set(sent, 15);
  const length = exchange(room, 0, 11 + sent.length);
  setLevels(room[4] ? levels | CALLS : levels & ~CALLS);
  return room.slice(5, 4 + length);
}
if (wifi) wire(chip, radio, () => radio([], 0));

// ---- I2C: each byte takes its nine bits of time

chip.i2c.forEach((bus, number) => {
  let then = () => {};
  const alarm = clock.createAlarm(() => then());
  const after = (bits, what) => {
    then = what;
    alarm.schedule((bits * (bus.sclLowPeriod + bus.sclHighPeriod) * 1e9) / chip.clkSys);
  };
  bus.onStart = () => after(1, () => bus.completeStart());
  bus.onConnect = (address, mode) =>
    after(9, () => bus.completeConnect(ask(START, [number, address, mode]) === 1));
  bus.onWriteByte = (value) =>
    after(9, () => {
      ask(WRITE, [number, value]);
      bus.completeWrite(true);
    });
  bus.onReadByte = () => after(9, () => bus.completeRead(ask(READ, [number])));
  bus.onStop = () => after(1, () => bus.completeStop());
});

/** A zero-length write (a scan) is done in software on the pins: hear the address, acknowledge it. */
function listen(number, sda, scl) {
  const [data, beat] = [chip.gpio[sda], chip.gpio[scl]];
  let bits = -1; // -1: no transfer
  let address = 0;
  const high = (pin) => !(pin.outputEnable && !pin.outputValue);
  data.addListener(() => {
    if (!high(beat) || data.functionSelect !== 5) return;
    if (!high(data)) [bits, address] = [0, 0]; // start
    else bits = -1; // stop
  });
  beat.addListener(() => {
    if (bits < 0 || beat.functionSelect !== 5) return;
    if (high(beat)) {
      if (bits < 8) address = (address << 1) | (high(data) ? 1 : 0);
      bits++;
    } else if (bits === 8) data.setInputValue(ask(START, [number, address >> 1, address & 1]) !== 1);
    else if (bits === 9) {
      data.setInputValue(true);
      bits = -1;
    }
  });
  data.setInputValue(true);
  beat.setInputValue(true);
}

// ---- USB serial: an endpoint without bytes stays silent, as on a cable, instead of answering with nothing

const serial = new USBCDC(chip.usbCtrl);
let wanted = -1;
chip.usbCtrl.onEndpointRead = (endpoint, size) => {
  if (endpoint !== serial.outEndpoint) return;
  wanted = size;
  feed();
};
function feed() {
  if (wanted < 0 || !connected || incoming.length === 0) return;
  const bytes = Uint8Array.from(incoming.splice(0, wanted));
  wanted = -1;
  chip.usbCtrl.endpointReadDone(serial.outEndpoint, bytes);
}
serial.onSerialData = (bytes) => ask(SENT, bytes);
serial.onDeviceConnected = () => {
  connected = true;
  if (!attached) serial.cdcSetControlLineState(0);
  feed();
};
function attach(now) {
  if (now === attached) return;
  attached = now;
  if (connected) serial.cdcSetControlLineState(now ? 3 : 0);
}

// ---- Flash: the boot ROM's functions are done here; each takes about as long as on a W25Q16

const rom = new Uint8Array(fs.readFileSync(romFile));
const romWords = new DataView(rom.buffer, rom.byteOffset);
const work = {
  IF: () => {},
  EX: () => {},
  FC: () => {},
  CX: () => {},
  RE: (at, size) => {
    chip.flash.fill(0xff, at, at + size);
    ask(ERASE, words(at, size));
    clock.tick((size / 4096) * 45e6);
  },
  RP: (at, from, size) => {
    const bytes = chip.sram.subarray(from - 0x20000000, from - 0x20000000 + size);
    const source = from >= 0x20000000 ? bytes : chip.flash.subarray(from - FLASH, from - FLASH + size);
    for (let k = 0; k < size; k++) chip.flash[at + k] &= source[k];
    for (let k = 0; k < size; k += 32768)
      ask(PROGRAM, [...words(at + k), ...chip.flash.subarray(at + k, at + Math.min(size, k + 32768))]);
    clock.tick((size / 256) * 0.4e6);
  },
};
const words = (...values) => new Uint8Array(Uint32Array.from(values).buffer);
const breaks = [];
for (let at = romWords.getUint16(0x14, true); romWords.getUint16(at, true); at += 4) {
  const name = String.fromCharCode(rom[at], rom[at + 1]);
  if (!(name in work)) continue;
  const code = romWords.getUint16(at + 2, true) & ~1;
  romWords.setUint16(code, 0xbe00 | breaks.length, true); // BKPT
  romWords.setUint16(code + 2, 0x4770, true); // BX LR
  breaks.push(work[name]);
}
chip.loadBootrom(new Uint32Array(rom.buffer, rom.byteOffset, rom.length / 4));
chip.onBreak = (number) => breaks[number]?.(...core.registers.subarray(0, 4));

// ---- Who the board is: the flash answers command 0x4b with its unique id; the ring oscillator makes chance

const id = Buffer.from(identity, "hex");
const serialFlash = chip.peripherals[0x18000];
const [writeFlash, readFlash] = [serialFlash.writeUint32.bind(serialFlash), serialFlash.readUint32.bind(serialFlash)];
const DR0 = 0x60;
let told = []; // what the flash says to the command that runs
let asked = 0; // bytes of it so far; 0: no command that matters
serialFlash.writeUint32 = (offset, value) => {
  if (offset !== DR0 || (asked === 0 && value !== 0x4b)) return writeFlash(offset, value);
  told.push(asked < 5 ? 0 : id[asked - 5]); // command, four idle bytes, eight of the id
  asked = asked === 12 ? 0 : asked + 1;
};
serialFlash.readUint32 = (offset) => (offset === DR0 && told.length ? told.shift() : readFlash(offset));
let chance = id.readUInt32LE(0) | 1;
const oscillator = chip.peripherals[0x40060];
const readOscillator = oscillator.readUint32.bind(oscillator);
oscillator.readUint32 = (offset) => {
  if (offset !== 0x1c) return readOscillator(offset);
  chance ^= chance << 13;
  chance ^= chance >>> 17;
  chance ^= chance << 5;
  return (chance >>> 9) & 1;
};

// ---- Power-up

chip.flash.set(fs.readFileSync(flashFile));
const watchdog = chip.peripherals[0x40058];
const [cause, ...scratch] = reason.split(",").map(Number);
watchdog.reason = cause;
scratch.forEach((value, k) => (watchdog.scratchData[k] = value));
watchdog.onWatchdogTrigger = () => ask(RESET, words(watchdog.reason, ...watchdog.scratchData));

core.PC = FLASH;
ask(LOOK);
for (const [number, sda, scl] of JSON.parse(wires)) listen(number, sda, scl);

const run = runner(chip, clock);
for (;;) {
  run(() => lookNanos);
  ask(LOOK);
}
