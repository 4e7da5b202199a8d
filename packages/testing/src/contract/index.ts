export type { ContractCase } from './contract-case.js'
export type { ContractSubject, DeclaredTopology } from './subject.js'
export { transportContract } from './transport-contract.js'
