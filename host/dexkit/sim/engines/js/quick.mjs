// Runs the RP2040's processor several times faster than the emulator's own step: the frequent instructions on
// memory are done here, without looking for a peripheral; everything else (peripherals, interrupts, rare
// instructions) is the emulator's own step, so what an instruction does and costs stays as it is there.

/** Return run(until): let the chip go on until its clock reaches `until()` nanoseconds. */
export function runner(chip, clock) {
  const { core } = chip;
  const r = core.registers;
  const s = new Int32Array(r.buffer, r.byteOffset, 16); // the same registers, signed
  const SRAM = chip.sram.length;
  const ram8 = chip.sram;
  const ram16 = new Uint16Array(ram8.buffer, ram8.byteOffset, SRAM >> 1);
  const ram32 = new Uint32Array(ram8.buffer, ram8.byteOffset, SRAM >> 2);
  const rom8 = chip.flash;
  const rom16 = new Uint16Array(rom8.buffer, rom8.byteOffset, rom8.length >> 1);
  const rom32 = new Uint32Array(rom8.buffer, rom8.byteOffset, rom8.length >> 2);
  const boot16 = new Uint16Array(chip.bootrom.buffer, chip.bootrom.byteOffset, chip.bootrom.length * 2);
  const SLOW = -1; // no address: leave it to the emulator

  // Where an aligned word, halfword or byte stands in memory: RAM at 0..., flash at FLASH...
  const FLASH = 0x10000000;
  const place = (address, mask) => {
    const at = address >>> 0;
    if ((at & mask) !== 0) return SLOW;
    if (at >>> 20 === 0x200 && (at & 0xfffff) < SRAM) return at & 0xfffff;
    return at >>> 24 === 0x10 ? at : SLOW;
  };
  const word = (at) => (at < FLASH ? ram32[at >> 2] : rom32[(at & 0xffffff) >> 2]);
  const half = (at) => (at < FLASH ? ram16[at >> 1] : rom16[(at & 0xffffff) >> 1]);
  const byte = (at) => (at < FLASH ? ram8[at] : rom8[at & 0xffffff]);

  function flags(result) {
    core.N = result < 0;
    core.Z = result === 0;
    return result;
  }
  function subtract(a, b) {
    const result = (a - b) | 0;
    core.N = result < 0;
    core.Z = result === 0;
    core.C = a >>> 0 >= b >>> 0;
    core.V = ((a ^ b) & (a ^ result)) < 0;
    return result;
  }
  function add(a, b) {
    const result = (a + b) | 0;
    core.N = result < 0;
    core.Z = result === 0;
    core.C = (a >>> 0) + (b >>> 0) > 0xffffffff;
    core.V = (~(a ^ b) & (a ^ result)) < 0;
    return result;
  }
  function holds(condition) {
    switch (condition) {
      case 0: return core.Z;
      case 1: return !core.Z;
      case 2: return core.C;
      case 3: return !core.C;
      case 4: return core.N;
      case 5: return !core.N;
      case 6: return core.V;
      case 7: return !core.V;
      case 8: return core.C && !core.Z;
      case 9: return !core.C || core.Z;
      case 10: return core.N === core.V;
      case 11: return core.N !== core.V;
      case 12: return core.N === core.V && !core.Z;
      default: return core.N !== core.V || core.Z;
    }
  }

  /** Do one instruction; return its cycles, or 0 where the emulator must do it (nothing has changed then). */
  function quick(pc) {
    let op;
    if (pc >>> 24 === 0x10) op = rom16[(pc & 0xffffff) >> 1];
    else if (pc >>> 20 === 0x200) op = ram16[(pc & 0xfffff) >> 1];
    else if (pc < 0x4000) op = boot16[pc >> 1];
    else return 0;
    const d = op & 7;
    const m = (op >> 3) & 7;
    const n = (op >> 6) & 7;
    const top = (op >> 8) & 7;
    const imm5 = (op >> 6) & 31;
    const imm8 = op & 255;
    let at;
    switch (op >> 11) {
      case 0: // LSLS
        if (imm5) core.C = ((s[m] >>> (32 - imm5)) & 1) === 1;
        s[d] = flags(s[m] << imm5);
        break;
      case 1: // LSRS
        core.C = ((s[m] >>> (imm5 ? imm5 - 1 : 31)) & 1) === 1;
        s[d] = flags(imm5 ? (s[m] >>> imm5) | 0 : 0);
        break;
      case 2: // ASRS
        core.C = ((s[m] >> (imm5 ? imm5 - 1 : 31)) & 1) === 1;
        s[d] = flags(s[m] >> (imm5 || 31));
        break;
      case 3: // ADDS, SUBS
        at = op & 0x400 ? n : s[n];
        s[d] = op & 0x200 ? subtract(s[m], at) : add(s[m], at);
        break;
      case 4: // MOVS
        s[top] = flags(imm8);
        break;
      case 5: // CMP
        subtract(s[top], imm8);
        break;
      case 6: // ADDS
        s[top] = add(s[top], imm8);
        break;
      case 7: // SUBS
        s[top] = subtract(s[top], imm8);
        break;
      case 8:
        return arithmetic(pc, op, d, m);
      case 9: // LDR literal
        at = place(((pc + 4) & ~3) + (imm8 << 2), 3);
        if (at === SLOW) return 0;
        r[top] = word(at);
        r[15] = pc + 2;
        return 2;
      case 10:
      case 11:
        return indexed(pc, op, d, (s[m] + s[n]) | 0);
      case 12: // STR
        return store32(pc, s[m] + (imm5 << 2), s[d]);
      case 13: // LDR
        at = place(s[m] + (imm5 << 2), 3);
        if (at === SLOW) return 0;
        r[d] = word(at);
        r[15] = pc + 2;
        return 2;
      case 14: // STRB
        at = place(s[m] + imm5, 0);
        if (at >= FLASH || at === SLOW) return 0;
        ram8[at] = s[d];
        r[15] = pc + 2;
        return 2;
      case 15: // LDRB
        at = place(s[m] + imm5, 0);
        if (at === SLOW) return 0;
        r[d] = byte(at);
        r[15] = pc + 2;
        return 2;
      case 16: // STRH
        at = place(s[m] + (imm5 << 1), 1);
        if (at >= FLASH || at === SLOW) return 0;
        ram16[at >> 1] = s[d];
        r[15] = pc + 2;
        return 2;
      case 17: // LDRH
        at = place(s[m] + (imm5 << 1), 1);
        if (at === SLOW) return 0;
        r[d] = half(at);
        r[15] = pc + 2;
        return 2;
      case 18: // STR to the stack
        return store32(pc, s[13] + (imm8 << 2), s[top]);
      case 19: // LDR from the stack
        at = place(s[13] + (imm8 << 2), 3);
        if (at === SLOW) return 0;
        r[top] = word(at);
        r[15] = pc + 2;
        return 2;
      case 20: // ADR
        r[top] = ((pc + 4) & ~3) + (imm8 << 2);
        break;
      case 21: // ADD to the stack pointer
        r[top] = r[13] + (imm8 << 2);
        break;
      case 22:
        if (op >> 8 === 0xb0) r[13] += op & 0x80 ? -((op & 127) << 2) : (op & 127) << 2;
        else if (op >> 9 === 0x5a) return push(pc, op);
        else if (op >> 8 === 0xb2) extend(op, d, m);
        else return 0;
        break;
      case 23:
        return op >> 9 === 0x5e ? pop(pc, op) : 0;
      case 24:
        return storeMany(pc, top, imm8);
      case 25:
        return loadMany(pc, top, imm8);
      case 26:
      case 27: { // B if
        const condition = (op >> 8) & 15;
        if (condition > 13) return 0;
        if (!holds(condition)) break;
        r[15] = pc + 4 + ((op << 24) >> 23);
        return 2;
      }
      case 28: // B
        r[15] = pc + 4 + ((op << 21) >> 20);
        return 2;
      case 30: {
        const low = pc >>> 24 === 0x10 ? rom16[((pc + 2) & 0xffffff) >> 1] : ram16[((pc + 2) & 0xfffff) >> 1];
        if (pc < 0x4000 || (low & 0xd000) !== 0xd000) return 0;
        const sign = (op >> 10) & 1; // BL
        const i1 = ((low >> 13) & 1) ^ sign ^ 1;
        const i2 = ((low >> 11) & 1) ^ sign ^ 1;
        const far = (-sign << 24) | (i1 << 23) | (i2 << 22) | ((op & 0x3ff) << 12) | ((low & 0x7ff) << 1);
        r[14] = (pc + 4) | 1;
        r[15] = pc + 4 + far;
        return 3;
      }
      default:
        return 0;
    }
    r[15] = pc + 2;
    return 1;
  }

  function store32(pc, address, value) {
    const at = place(address, 3);
    if (at >= FLASH || at === SLOW) return 0;
    ram32[at >> 2] = value;
    r[15] = pc + 2;
    return 2;
  }

  function arithmetic(pc, op, d, m) {
    const a = s[d];
    const b = s[m];
    switch ((op >> 6) & 31) {
      case 0: s[d] = flags(a & b); break;
      case 1: s[d] = flags(a ^ b); break;
      case 8: flags(a & b); break;
      case 9: s[d] = subtract(0, b); break;
      case 10: subtract(a, b); break;
      case 12: s[d] = flags(a | b); break;
      case 13: s[d] = flags(Math.imul(a, b)); break;
      case 14: s[d] = flags(a & ~b); break;
      case 15: s[d] = flags(~b); break;
      case 16: case 17: case 18: case 19: { // ADD, any register but pc and sp
        const [to, from] = [d | ((op >> 4) & 8), (op >> 3) & 15];
        if (to > 12 || from === 15) return 0;
        s[to] = s[to] + s[from];
        break;
      }
      case 20: case 21: case 22: case 23: { // CMP, any register
        const [left, right] = [d | ((op >> 4) & 8), (op >> 3) & 15];
        if (left === 15 || right === 15) return 0;
        subtract(s[left], s[right]);
        break;
      }
      case 24: case 25: case 26: case 27: { // MOV
        const [to, from] = [d | ((op >> 4) & 8), (op >> 3) & 15];
        if (to === 15 || to === 13 || from === 15) return 0;
        s[to] = s[from];
        break;
      }
      case 28: case 29: { // BX; a return from an interrupt is the emulator's
        const to = r[(op >> 3) & 15];
        if (to >>> 28 === 15) return 0;
        r[15] = to & ~1;
        return 2;
      }
      case 30: case 31: { // BLX
        const to = r[(op >> 3) & 15];
        r[14] = (pc + 2) | 1;
        r[15] = to & ~1;
        return 2;
      }
      default:
        return 0;
    }
    r[15] = pc + 2;
    return 1;
  }

  function indexed(pc, op, d, address) {
    const what = (op >> 9) & 7;
    const mask = what === 0 || what === 4 ? 3 : what === 1 || what === 5 || what === 7 ? 1 : 0;
    const at = place(address, mask);
    if (at === SLOW || (what < 3 && at >= FLASH)) return 0;
    switch (what) {
      case 0: ram32[at >> 2] = s[d]; break;
      case 1: ram16[at >> 1] = s[d]; break;
      case 2: ram8[at] = s[d]; break;
      case 3: s[d] = (byte(at) << 24) >> 24; break;
      case 4: r[d] = word(at); break;
      case 5: r[d] = half(at); break;
      case 6: r[d] = byte(at); break;
      default: s[d] = (half(at) << 16) >> 16;
    }
    r[15] = pc + 2;
    return 2;
  }

  function extend(op, d, m) {
    switch ((op >> 6) & 3) {
      case 0: s[d] = (s[m] << 16) >> 16; break;
      case 1: s[d] = (s[m] << 24) >> 24; break;
      case 2: s[d] = s[m] & 0xffff; break;
      default: s[d] = s[m] & 0xff;
    }
  }

  function count(bits) {
    let found = 0;
    for (; bits; bits &= bits - 1) found++;
    return found;
  }

  function push(pc, op) {
    const size = 4 * count(op & 0x1ff);
    const first = place(r[13] - size, 3);
    if (first === SLOW || first >= FLASH || first + size > SRAM) return 0;
    let at = first >> 2;
    for (let k = 0; k < 8; k++) if ((op >> k) & 1) ram32[at++] = s[k];
    if (op & 0x100) ram32[at] = s[14];
    r[13] -= size;
    r[15] = pc + 2;
    return 1 + count(op & 0xff);
  }

  function pop(pc, op) {
    const size = 4 * count(op & 0x1ff);
    const first = place(r[13], 3);
    if (first === SLOW || first >= FLASH || first + size > SRAM) return 0;
    let at = first >> 2;
    if (op & 0x100 && ram32[at + (size >> 2) - 1] >>> 28 === 15) return 0;
    for (let k = 0; k < 8; k++) if ((op >> k) & 1) s[k] = ram32[at++];
    r[15] = op & 0x100 ? ram32[at] & ~1 : pc + 2;
    r[13] += size;
    return 1 + count(op & 0xff) + (op & 0x100 ? 2 : 0);
  }

  function storeMany(pc, base, list) {
    const size = 4 * count(list);
    const first = place(s[base], 3);
    if (first === SLOW || first >= FLASH || first + size > SRAM || (list >> base) & 1) return 0;
    let at = first >> 2;
    for (let k = 0; k < 8; k++) if ((list >> k) & 1) ram32[at++] = s[k];
    s[base] += size;
    r[15] = pc + 2;
    return 1 + count(list);
  }

  function loadMany(pc, base, list) {
    const size = 4 * count(list);
    const first = place(s[base], 3);
    if (first === SLOW || first >= FLASH || first + size > SRAM || (list >> base) & 1) return 0;
    let at = first >> 2;
    for (let k = 0; k < 8; k++) if ((list >> k) & 1) s[k] = ram32[at++];
    s[base] += size;
    r[15] = pc + 2;
    return 1 + count(list);
  }

  return (until) => {
    let now = clock.nanosCounter;
    let limit = until();
    let next = clock.nextAlarm ? Math.min(limit, clock.nextAlarm.nanos) : limit;
    let cycle = 1e9 / chip.clkSys;
    while (now < limit) {
      if (!core.waiting && !core.interruptsUpdated) {
        const cycles = quick(r[15] & ~1);
        if (cycles) {
          const then = now + cycles * cycle;
          if (then < next) {
            now = then;
            continue;
          }
          clock.nanosCounter = now;
          clock.tick(then - now); // what is due at `next` happens
        } else {
          clock.nanosCounter = now;
          clock.tick(core.executeInstruction() * cycle);
        }
      } else {
        clock.nanosCounter = now;
        if (core.waiting) clock.tick(Math.max(0, next - now));
        else clock.tick(core.executeInstruction() * cycle);
      }
      now = clock.nanosCounter;
      cycle = 1e9 / chip.clkSys;
      limit = until();
      next = clock.nextAlarm ? Math.min(limit, clock.nextAlarm.nanos) : limit;
    }
  };
}
