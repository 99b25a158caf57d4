# How the files of this folder were made (PyTorch 2.15, float64, written from the formulas): python make.py
# Names and arguments are those of Prov-GigaPath's slide encoder and LongViT; weights are random.
import torch, json, math, numpy as np
from safetensors.torch import save_file
torch.manual_seed(0)
def dil(q,k,v,ws,rs,zero):
    B,N,H,D=q.shape; outs=torch.zeros_like(q); num=torch.zeros_like(q); den=torch.zeros(B,N,H,dtype=q.dtype)
    m=torch.full((B,N,H),-1e30,dtype=q.dtype)
    for w,r in zip(ws,rs):
        w=min(w,N)
        for h in range(H):
            s=h//math.ceil(H/r)
            for st in range(0,N,w):
                en=min(st+w,N)
                idx=torch.arange(st+s,en,r) if st+s<en else torch.empty(0,dtype=torch.long)
                if len(idx)==0: continue
                sc=torch.einsum('bid,bjd->bij',q[:,idx,h],k[:,idx,h])/math.sqrt(D)
                e=torch.exp(sc)
                num[:,idx,h]+=e@v[:,idx,h]; den[:,idx,h]+=e.sum(-1)
                if zero: den[:,idx,h]+=math.ceil(w/r)-len(idx)
    return torch.where(den[...,None]>0,num/den.clamp_min(1e-300)[...,None],0.)
def ln(x,sd,p,eps=1e-5): return torch.nn.functional.layer_norm(x,(x.shape[-1],),sd[p+'.weight'],sd[p+'.bias'],eps)
def lin(x,sd,p): return x@sd[p+'.weight'].reshape(sd[p+'.weight'].shape[0],-1).T+sd[p+'.bias']
def stack(x,sd,pre,L,H,ws,rs,zero,outnorm):
    B,N,C=x.shape; states=[x]
    for i in range(L):
        p=f'{pre}layers.{i}.'
        n=ln(x,sd,p+'self_attn_layer_norm')
        q,k,v=[lin(n,sd,p+f'self_attn.{a}_proj').view(B,N,H,C//H) for a in 'qkv']
        a=dil(q,k,v,ws,rs,zero).reshape(B,N,C)
        x=x+lin(ln(a,sd,p+'self_attn.inner_attn_ln'),sd,p+'self_attn.out_proj')
        n=ln(x,sd,p+'final_layer_norm')
        x=x+lin(ln(torch.nn.functional.gelu(lin(n,sd,p+'ffn.fc1')),sd,p+'ffn.ffn_layernorm'),sd,p+'ffn.fc2')
        states.append(x)
    return (ln(x,sd,pre+'layer_norm') if outnorm else x), states
def make(sd,pre,C,F,L,outnorm):
    def w(n,*s): sd[n]=torch.randn(*s)*0.3
    for i in range(L):
        p=f'{pre}layers.{i}.'
        for a in ('q_proj','k_proj','v_proj','out_proj'): w(p+f'self_attn.{a}.weight',C,C); w(p+f'self_attn.{a}.bias',C)
        for a,d in (('self_attn.inner_attn_ln',C),('self_attn_layer_norm',C),('ffn.ffn_layernorm',F),('final_layer_norm',C)):
            sd[p+a+'.weight']=1+0.1*torch.randn(d); w(p+a+'.bias',d)
        w(p+'ffn.fc1.weight',F,C); w(p+'ffn.fc1.bias',F); w(p+'ffn.fc2.weight',C,F); w(p+'ffn.fc2.bias',C)
    if outnorm: sd[pre+'layer_norm.weight']=1+0.1*torch.randn(C); w(pre+'layer_norm.bias',C)
def dbl(sd): return {k:v.double() for k,v in sd.items()}
# Prov-GigaPath: class token, projection, grid positions, norm
C,F,L,H,W=48,96,3,4,20
sd={}
sd['cls_token']=torch.randn(1,1,C)
sd['patch_embed.proj.weight']=torch.randn(C,W)*.3; sd['patch_embed.proj.bias']=torch.randn(C)*.3
make(sd,'encoder.',C,F,L,True)
sd['norm.weight']=1+0.1*torch.randn(C); sd['norm.bias']=torch.randn(C)*.1
torch.save({'model':sd,'epoch':3},'gigapath.pth')
N=60; ws=[8,20,64]; rs=[1,2,4]
json.dump(dict(encoder_layers=L,encoder_embed_dim=C,encoder_ffn_embed_dim=F,encoder_attention_heads=H,dilated_ratio=str(rs),segment_length=str(ws),flash_attention=True,block_shift=True,use_xmoe=False,moe_freq=0,dropout=.25,drop_path_rate=.1,slide_ngrids=1000,tile_size=256),open('gigapath.json','w'))
x=torch.randn(2,N,W); coords=(torch.rand(2,N,2)*100000).floor()
save_file({'embeddings':x,'coords':coords},'gigapath-input.safetensors')
def grid(n,c):
    def one(d,pos):
        om=1/10000**(torch.arange(d//2,dtype=torch.float64)/(d/2)); o=pos[...,None]*om
        return torch.cat([o.sin(),o.cos()],-1)
    cell=torch.floor(c/256).double()
    return torch.cat([one(n//2,cell[...,1]),one(n//2,cell[...,0])],-1)
S=dbl(sd)
for zero in (False,True):
    h=lin(x.double(),S,'patch_embed.proj')+grid(C,coords)
    h=torch.cat([S['cls_token'].expand(2,-1,-1),h],1)
    out,states=stack(h,S,'encoder.',L,H,ws,rs,zero,True)
    res={'hidden':out[:,1:].float().contiguous(),'pooled':ln(out,S,'norm',1e-6)[:,0].float().contiguous(),'pooled_layers':torch.stack([ln(s,S,'norm',1e-6)[:,0] for s in states],1).float().contiguous(),
         'mean':ln(out[:,1:].mean(1),S,'norm',1e-6).float().contiguous()}
    save_file(res,'gigapath-expected' + ('-zero-padded-keys' if zero else '') + '.safetensors')
# LongViT: model.* inside, conv patches, learned positions, no output norm, fc_norm + head
C,F,L,H=32,128,2,4
sd={}
sd['model.pos_embed']=torch.randn(1,36,C); sd['model.patch_embed.proj.weight']=torch.randn(C,3,4,4)*.2; sd['model.patch_embed.proj.bias']=torch.randn(C)*.2
make(sd,'model.encoder.',C,F,L,False)
sd['fc_norm.weight']=1+0.1*torch.randn(C); sd['fc_norm.bias']=torch.randn(C)*.1; sd['head.weight']=torch.randn(2,C)*.3; sd['head.bias']=torch.randn(2)
torch.save({'model':sd,'optimizer':{'lr':.1}},'longvit.pth')
ws=[8,16,36]; rs=[1,2,4]
json.dump(dict(img_size=24,patch_size=4,vocab_size=64010,multiway=False,layernorm_embedding=False,normalize_output=False,no_output_layer=True,drop_path_rate=0.1,encoder_embed_dim=C,encoder_attention_heads=H,encoder_ffn_embed_dim=F,encoder_layers=L,checkpoint_activations=True,flash_attention=True,dilated_ratio=str(rs),segment_length=str(ws),seq_parallel=False),open('longvit.json','w'))
img=torch.randn(3,3,24,24)
S=dbl(sd)
p=torch.nn.functional.conv2d(img.double(),S['model.patch_embed.proj.weight'],S['model.patch_embed.proj.bias'],stride=4).flatten(2).transpose(1,2)
patches=torch.nn.functional.unfold(img,4,stride=4).transpose(1,2).contiguous()
np.save('longvit-input.npy',patches.numpy())
out,_=stack(p+S['model.pos_embed'],S,'model.encoder.',L,H,ws,rs,False,False)
pooled=torch.nn.functional.layer_norm(out.mean(1),(C,),S['fc_norm.weight'],S['fc_norm.bias'],1e-5)
save_file({'hidden':out.float().contiguous(),'pooled':pooled.float().contiguous(),'logits':lin(pooled,S,'head').float().contiguous()},'longvit-expected.safetensors')
